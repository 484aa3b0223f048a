"""Starts a program on another day: for all that it starts the clock is some days ahead, also in the chroot that mmdebstrap makes.

A library (``another_day.c``) stands before the C library's clock calls. It is loaded by ``/etc/ld.so.preload``, which reaches what loses
its environment too (sudo), in a mount namespace where a second ``/etc`` lies over the machine's own: nobody else sees it. Two wrappers
over mmdebstrap and mksquashfs lay it into the new tree before its first program runs and take it away before the tree is packed.
What it does not reach: times of files, which come from the kernel, and programs without a C library of their own (busybox).
"""

import shutil
import subprocess
from pathlib import Path

COMPILER = "gcc"
DAYS = 3
"""Enough for another date, too few for a mirror's certificate to end."""
SEEN = "seen"
"""The file in the folder that gets the date which a program in the new tree sees at the end, as ``2026-12-02``."""
_INSIDE = "usr/lib/another-day.so"
_START = """
folder=$1; shift
for name in mmdebstrap mksquashfs; do mount --bind "$folder/$name" "/usr/bin/$name"; done
mount -t overlay overlay -o "lowerdir=$folder/etc:/etc" /etc
exec "$@"
"""
_INTO_TREE = f"""#!/bin/sh
exec {{real}} --setup-hook='mkdir -p "$1/etc" "$1/usr/lib"
    cp {{folder}}/day.so "$1/{_INSIDE}" && echo /{_INSIDE} >"$1/etc/ld.so.preload"' "$@"
"""
_OUT_OF_TREE = f"""#!/bin/sh
chroot "$1" date +%Y-%m-%d >{{folder}}/{SEEN}
rm "$1/etc/ld.so.preload" "$1/{_INSIDE}"
exec {{real}} "$@"
"""


def another_day(folder: Path) -> tuple[str, ...]:
    """Return the words that start a program on another day; the folder has their files and must be there meanwhile."""
    folder.mkdir(parents=True)
    library = folder / "day.so"
    source = Path(__file__).with_suffix(".c")
    words = (COMPILER, "-shared", "-fPIC", "-O2", f"-DANOTHER_DAY_S={DAYS * 86400}", "-o")
    subprocess.run((*words, library, source), check=True, timeout=60)
    settings = {
        "ld.so.preload": str(library),
        # Lists of packages are only good for some days.
        "apt/apt.conf.d/99another-day": 'Acquire::Check-Valid-Until "false";',
    }
    for name, text in settings.items():
        file = folder / "etc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    for name, text in {"mmdebstrap": _INTO_TREE, "mksquashfs": _OUT_OF_TREE}.items():
        real = folder / f"real-{name}"
        shutil.copy(f"/usr/bin/{name}", real)
        wrapper = folder / name
        wrapper.write_text(text.format(real=real, folder=folder))
        wrapper.chmod(0o755)
    return ("unshare", "--mount", "sh", "-ec", _START, "sh", str(folder))
