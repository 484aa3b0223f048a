"""The ramdisk is built twice from nothing and is the same, byte for byte. Takes minutes: ``pytest -m long``.

The second time it is built from a copy of the sources somewhere else, whose files nobody but root may read, by a machine with
another name and time zone, three days later. Times of files are the kernel's and stay real: every one must be the build's own.
"""

import hashlib
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.another_day import COMPILER, DAYS, SEEN, another_day
from tests.integration.ramdisk_files import differences, unpack

ROOT = Path(__file__).parents[2]
PARTS = ("archives", "tree")
OTHER_NAME = "another-machine.example.org"
pytestmark = [pytest.mark.long, pytest.mark.root, pytest.mark.timeout(7200)]


def build(sources: Path, output: Path, *before: str, **environment: str) -> dict[str, str]:
    """Build everything that ``sources`` can make and return the digest of each file; ``before`` starts the program."""
    program = sources / "image-build/build-ramdisk"
    words = ("--fresh", "--name", "same", "--iso", "--uki", "--output", output)
    subprocess.run(
        (*before, program, *words), check=True, timeout=3000, env={**os.environ, **environment}
    )
    files = sorted(file for file in output.iterdir() if file.is_file())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def copy_elsewhere(folder: Path) -> Path:
    """Return a copy of the sources as a clone under a strict umask makes it, with the same environment of Python."""
    copy = folder / "other-sources"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=not_sources)
    subprocess.run(("chmod", "-R", "go=", copy), check=True)
    (copy / "build").mkdir()
    (copy / "build/venv").symlink_to((ROOT / "build/venv").resolve())
    return copy


def not_sources(folder: str, names: list[str]) -> list[str]:
    """Return what is no source among the ``names`` of a folder: what was built or cached, at the top alone."""
    if Path(folder) != ROOT:
        return []
    return [name for name in names if name in {"build", ".git"} or name.endswith("_cache")]


def times_of_files(squashfs: Path) -> set[str]:
    """Return the minutes in which the files of a tree were changed, as ``2026-01-01 00:00``."""
    words = ("unsquashfs", "-UTC", "-lls", squashfs)
    listing = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return set(re.findall(r" (\d{4}-\d\d-\d\d \d\d:\d\d) squashfs-root", listing))


def test_two_builds_give_the_same_bytes_on_different_days(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: chroot and mounts")
    if shutil.which(COMPILER) is None:
        pytest.skip(f"make setup installs {COMPILER}")
    renamed = f'hostname {OTHER_NAME}; umask 077; exec "$@"'
    before = (*another_day(tmp_path / "day"), "unshare", "--uts", "sh", "-c", renamed, "sh")
    elsewhere = {"TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "86400", "PYTHONHASHSEED": "7"}
    today = datetime.now(UTC).date()
    with ThreadPoolExecutor() as pool:  # much of a build keeps one processor busy
        one = pool.submit(build, ROOT, tmp_path / "one")
        copy = copy_elsewhere(tmp_path)
        two = pool.submit(build, copy, tmp_path / "two", *before, **elsewhere)
    first, second = one.result(), two.result()
    assert date.fromisoformat((tmp_path / "day" / SEEN).read_text().strip()) >= today + timedelta(
        days=DAYS
    )
    assert set(first) == {"same.efi", "same.initramfs", "same.iso", "same.vmlinuz"}
    laid_out = [
        unpack(tmp_path / name / "same.initramfs", tmp_path / name) for name in ("one", "two")
    ]
    where = [line for part in PARTS for line in differences(laid_out[0] / part, laid_out[1] / part)]
    assert where == []
    assert second == first
    assert times_of_files(laid_out[0] / "tree.squashfs") == {"2026-01-01 00:00"}
