"""What is in a ramdisk's files, laid out in folders, and where two ramdisks differ: for tests that compare them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

_CPIO = b"070701"
_ZSTD = b"\x28\xb5\x2f\xfd"
_HEADER_BYTES = 110
_ONE_BYTE_REPEATED = 1
"""A kind of block (RFC 8878, section 3.1.1.2.2): its size is that of what it stands for."""
_MOST_DIFFERENCES = 40


def unpack(initramfs: Path, folder: Path) -> Path:
    """Lay the files of all archives out as ``archives``, the compressed tree among them beside it, packed and as ``tree``; return the folder."""
    for archive in archives(initramfs.read_bytes()):
        _extract(archive, folder / "archives")
    squashfs = folder / "tree.squashfs"
    (folder / "archives/run/base/tree.squashfs").rename(squashfs)
    words = ("unsquashfs", "-quiet", "-no-progress", "-dest", folder / "tree", squashfs)
    subprocess.run(words, check=True, capture_output=True)
    return folder


def archives(content: bytes) -> Iterator[bytes]:
    """Return the cpio archives of an initramfs in order, unpacked; zeros between them are skipped, as the kernel does."""
    position = 0
    while position < len(content):
        if content[position] == 0:
            position += 1
        elif content.startswith(_CPIO, position):
            end = _archive_end(content, position)
            yield content[position:end]
            position = end
        else:
            end = _frame_end(content, position)
            words = ("zstd", "--decompress", "--stdout", "--quiet")
            yield subprocess.run(
                words, input=content[position:end], capture_output=True, check=True
            ).stdout
            position = end


def _archive_end(content: bytes, start: int) -> int:
    """Return where a cpio archive ends; each file has a header of text fields (cpio's format "newc")."""
    position = start
    while True:
        assert content.startswith(_CPIO, position), f"no cpio header at {position}"
        size = int(content[position + 54 : position + 62], 16)
        name_size = int(content[position + 94 : position + 102], 16)
        name_at = position + _HEADER_BYTES
        data_at = _padded(name_at + name_size)
        position = _padded(data_at + size)
        if content[name_at : name_at + name_size] == b"TRAILER!!!\0":
            return position


def _frame_end(content: bytes, start: int) -> int:
    """Return where a zstd frame ends: a header, blocks with their sizes, a checksum (RFC 8878, section 3.1.1)."""
    assert content.startswith(_ZSTD, start), f"neither cpio nor zstd at {start}"
    descriptor = content[start + 4]
    has_window = not descriptor & 0x20
    size_field = (0 if has_window else 1, 2, 4, 8)[descriptor >> 6]
    dictionary_field = (0, 1, 2, 4)[descriptor & 3]
    position = start + 5 + has_window + dictionary_field + size_field
    is_last = False
    while not is_last:
        header = int.from_bytes(content[position : position + 3], "little")
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        position += 3 + (1 if kind == _ONE_BYTE_REPEATED else size)
    return position + (4 if descriptor & 4 else 0)


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
    folder.mkdir(parents=True, exist_ok=True)
    words = ("cpio", "--extract", "--make-directories", "--quiet", "--no-absolute-filenames")
    subprocess.run(words, cwd=folder, input=archive, check=True, capture_output=True)


def _padded(position: int) -> int:
    return (position + 3) // 4 * 4
