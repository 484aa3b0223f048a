"""What the plan of a boot loader depends on, looked up in the image's tree and on the disk. Runs nothing of the image."""

import struct
from pathlib import Path

from agent.boot.grub_plan import DiskFindings, RootFindings, modules_folder, platforms, programs
from agent.disks import gpt, mbr
from agent.disks.file_tree import Tree
from agent.disks.kernel_view import partition_path
from agent.disks.partition_table import Partition, PartitionTable
from agent.errors import FileSystemError

_ELF_BYTES = 20
_ELF_MACHINES = {
    (1, 3): "i386", (2, 62): "x86_64", (2, 21): "ppc64le", (2, 183): "aarch64", (1, 40): "arm", (2, 243): "riscv64", (2, 22): "s390x",
}  # fmt: skip
"""(class, machine) of little-endian files; <elf.h>."""
_MOST_LINE_BYTES = 256
_FOLDERS_OF_A_SYSTEM = ("dev", "proc", "sys", "run", "tmp")


def disk_findings(
    disk: Path, table: PartitionTable, *, is_prep: bool, reserved_node: Path | None = None
) -> DiskFindings:
    """Return what a disk offers for GRUB's core.

    Args:
        disk: Its device node.
        table: The partition table that it has now.
        is_prep: Whether a PReP partition is looked for instead of a BIOS boot one.
        reserved_node: That partition's device node; ``None`` = as the kernel names it.
    """
    parts = table.partitions()
    if table.gpt is not None:
        kind = gpt.PREP_TYPE if is_prep else gpt.BIOS_BOOT_TYPE
        numbers = {part.number for part in table.gpt.partitions() if part.type_id == kind}
    else:
        found = mbr.partitions(table.head)
        numbers = {part.number for part in found if is_prep and part.type_id == mbr.PREP_TYPE}
    reserved = next((part for part in parts if part.number in numbers), None)
    return DiskFindings(
        name=disk.name,
        sector_bytes=table.sector_bytes,
        is_gpt=table.gpt is not None,
        reserved=reserved,
        reserved_name=(reserved_node or partition_path(disk, reserved.number)).name
        if reserved
        else "",
        gap_end_byte=_first_byte(parts),
    )


def _first_byte(parts: tuple[Partition, ...]) -> int:
    return min((part.start_byte for part in parts), default=0)


def root_findings(kind: str, root: Path) -> RootFindings:
    """Return what the file system that is mounted at ``root`` brings for GRUB; ``kind`` is what it is."""
    tree = Tree(root)
    known = {path: _processor(tree, path) for path in programs()}
    return RootFindings(
        kind=kind,
        processors={path: processor for path, processor in known.items() if processor is not None},
        platforms=frozenset(p for p in platforms() if tree.has_folder(modules_folder(p))),
        odd_folders=tuple(name for name in _FOLDERS_OF_A_SYSTEM if _is_odd(root / name)),
    )


def _is_odd(path: Path) -> bool:
    return path.is_symlink() or (path.exists() and not path.is_dir())


def _processor(tree: Tree, path: str, *, follows: bool = True) -> str | None:
    """Return for which processor a program is, that of its interpreter for a script; ``None`` = it is not there."""
    try:
        with tree.opened(path) as file:
            head = file.read(_MOST_LINE_BYTES)
    except (FileSystemError, OSError):
        return None
    if head.startswith(b"#!") and follows:
        words = head[2:].partition(b"\n")[0].split()
        interpreter = words[0].decode(errors="replace") if words else "nothing"
        said = _processor(tree, interpreter, follows=False)
        return said or f"an interpreter that is not there ({interpreter[:80]!r})"
    if len(head) < _ELF_BYTES or not head.startswith(b"\x7fELF"):
        return "no processor: it is no program"
    bits, order = head[4], head[5]
    machine = struct.unpack_from("<H" if order == 1 else ">H", head, 18)[0]
    name = _ELF_MACHINES.get((bits, machine)) if order == 1 else None
    return name or f"another processor (ELF machine {machine}, class {bits}, byte order {order})"
