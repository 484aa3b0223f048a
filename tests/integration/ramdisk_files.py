"""What is in a ramdisk's files, laid out in folders, and where two ramdisks differ: for tests that compare them."""

import subprocess
from pathlib import Path

_HEADER_BYTES = 110
_MOST_DIFFERENCES = 40


def unpack(initramfs: Path, folder: Path) -> Path:
    """Lay the archives out as ``early`` and ``appended``, the compressed tree as ``tree``, and return the folder."""
    content = initramfs.read_bytes()
    end = first_archive_bytes(content)
    _extract(content[:end], folder / "early")
    # Behind the compressed archive are up to three zeros, which the kernel skips and zstd complains of at the end.
    packed = content[end:].lstrip(b"\0")
    done = subprocess.run(("zstd", "-dc"), input=packed, capture_output=True, check=False)
    _extract(done.stdout, folder / "appended")
    squashfs = folder / "early/run/base/tree.squashfs"
    words = ("unsquashfs", "-quiet", "-no-progress", "-dest", folder / "tree", squashfs)
    subprocess.run(words, check=True, capture_output=True)
    squashfs.unlink()
    return folder


def first_archive_bytes(content: bytes) -> int:
    """Return where the first archive ends; each file has a header of text fields (cpio's format "newc")."""
    position = 0
    while True:
        assert content[position : position + 6] == b"070701", f"no cpio header at {position}"
        size = int(content[position + 54 : position + 62], 16)
        name_size = int(content[position + 94 : position + 102], 16)
        name_at = position + _HEADER_BYTES
        data_at = _padded(name_at + name_size)
        position = _padded(data_at + size)
        if content[name_at : name_at + name_size] == b"TRAILER!!!\0":
            return position


def differences(one: Path, other: Path) -> list[str]:
    """Return the files that differ between two folders: in content, kind, rights, owner, or the target of a link."""
    words = ("diff", "--recursive", "--brief", "--no-dereference", one, other)
    compared = subprocess.run(words, check=False, capture_output=True, text=True, errors="replace")
    # Device nodes never compare as equal; what they are stands in the lists.
    found = [line for line in compared.stdout.splitlines() if "special file while" not in line]
    lists = [set(_listing(folder)) for folder in (one, other)]
    found += [f"first: {line}" for line in sorted(lists[0] - lists[1])]
    found += [f"second: {line}" for line in sorted(lists[1] - lists[0])]
    return found[:_MOST_DIFFERENCES]


def _listing(folder: Path) -> list[str]:
    """Return a line for each file: rights, owner, group, name, target of a link."""
    words = ("find", ".", "-printf", r"%M %U:%G %P %l\n")
    done = subprocess.run(
        words, cwd=folder, check=True, capture_output=True, text=True, errors="replace"
    )
    return done.stdout.splitlines()


def _extract(archive: bytes, folder: Path) -> None:
    folder.mkdir(parents=True)
    words = ("cpio", "--extract", "--make-directories", "--quiet", "--no-absolute-filenames")
    subprocess.run(words, cwd=folder, input=archive, check=True, capture_output=True)


def _padded(position: int) -> int:
    return (position + 3) // 4 * 4
