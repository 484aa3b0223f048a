"""Debian's signed boot loaders, fetched once and unpacked without being installed."""

from pathlib import Path

from tests.lab.enrol import BUILD
from tests.lab.program import run

_PROGRAM = Path(__file__).resolve().parents[2] / "image-build/boot-loaders"
LOADERS = BUILD / "cache/ramdisk/loaders"


def fetch_loaders() -> Path:
    """Return the folder for the setting ``grub_directory``; called outside of the lab's network, which reaches no mirror."""
    run(str(_PROGRAM), str(LOADERS), timeout_s=300)
    return LOADERS / "usr/lib"
