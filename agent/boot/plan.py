r"""What the firmware shall boot, decided from facts: files of the ESP and the firmware's present entries. Pure.

Loader order: a ``BOOT*.CSV`` (shim's description of itself, https://github.com/rhboot/shim, README.fallback), then the
removable-media path (UEFI specification 2.10, section 3.5.1.1), then loaders by name.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agent.disks.partition_table import Partition

LABEL = "ingot"
"""Label of entries for loaders that do not name themselves."""
_SUFFIX = {
    "x86_64": "x64",
    "aarch64": "aa64",
    "riscv64": "riscv64",
    "armv7l": "arm",
    "i686": "ia32",
}
_BY_NAME = ("shim{a}.efi", "grub{a}.efi", "systemd-boot{a}.efi", "bootmgfw.efi", "winload.efi")
_ENTRY = re.compile(
    r"Boot(?P<number>[0-9A-Fa-f]{4})(?P<active>\*?) (?P<label>[^\t]*)(?:\t(?P<path>.*))?$"
)
_GPT_PARTITION = re.compile(
    r"HD\((?P<number>\d{1,4}),GPT,(?P<id>[0-9A-Fa-f-]{36}),"
    r"(?P<start>0x[0-9A-Fa-f]{1,16}),(?P<sectors>0x[0-9A-Fa-f]{1,16})\)"
)
"""At its beginning the short form of a path (UEFI specification 2.10, section 3.1.2), which efibootmgr makes."""
_FILE = re.compile(r"/(?:File\()?(?P<path>\\[^)\t]*)")
_SECTOR_BYTES = (512, 4096)
_ORDER = re.compile(r"BootOrder: (?P<numbers>[0-9A-Fa-f,]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """A boot loader; ``path`` is below the ESP, with backslashes, beginning with one, as are ``files``, all that are there (empty = not known)."""

    path: str
    label: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BootEntry:
    """An entry of the firmware; ``number`` is four hexadecimal digits, ``path`` what efibootmgr shows of the device path."""

    number: str
    label: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareState:
    """The firmware's entries and their order, by number."""

    entries: tuple[BootEntry, ...]
    order: tuple[str, ...]


def parse_efibootmgr(text: str) -> FirmwareState:
    """Parse the output of ``efibootmgr -v``, versions 14 to 18."""
    found = [match for line in text.splitlines() if (match := _ENTRY.match(line.rstrip()))]
    order = _ORDER.search(text)
    numbers = order["numbers"].upper().split(",") if order else []
    return FirmwareState(
        entries=tuple(
            BootEntry(
                number=match["number"].upper(),
                label=match["label"].strip(),
                path=match["path"] or "",
            )
            for match in found
        ),
        order=tuple(number for number in numbers if number),
    )


def choose_csv(files: Sequence[str], machine: str) -> str | None:
    """Return the CSV file that describes the loader for this machine; ``None`` = there is none.

    Args:
        files: Paths below the ESP with slashes, such as ``/EFI/debian/BOOTX64.CSV``.
        machine: The processor's name as ``uname -m`` tells it.
    """
    suffix = _SUFFIX.get(machine, machine)
    wanted = (f"boot{suffix}.csv", "boot.csv")
    found = [path for name in wanted for path in sorted(files) if _name(path) == name]
    return found[0] if found else None


def loader_from_csv(csv_path: str, content: bytes, files: Sequence[str]) -> Loader | None:
    """Return the first loader that a CSV names and that is there; ``None`` = it names none.

    Args:
        csv_path: Where the CSV lies; loaders lie beside it.
        content: The file, UTF-16 (``file,label,options,description``) or UTF-8.
        files: All paths below the ESP.
    """
    known = {path.lower(): path for path in files}
    folder = csv_path.rpartition("/")[0]
    for line in _decode(content).splitlines():
        file, _, rest = line.partition(",")
        path = known.get(f"{folder}/{file.strip()}".lower())
        if file.strip() and path:
            label = rest.partition(",")[0].strip() or LABEL
            return Loader(path=with_backslashes(path), label=label)
    return None


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    encoding = "utf-16-le" if b"\0" in content[:4] else "utf-8"
    return content.decode(encoding, "replace").lstrip("\ufeff")


def choose_loader(files: Sequence[str], machine: str) -> Loader | None:
    """Return the loader for this machine without a CSV: the removable path, then by name; ``None`` = none there."""
    suffix = _SUFFIX.get(machine, machine)
    removable = f"/efi/boot/boot{suffix}.efi"
    for path in files:
        if path.lower() == removable:
            return Loader(path=with_backslashes(path), label=LABEL)
    for pattern in _BY_NAME:
        found = [path for path in sorted(files) if _name(path) == pattern.format(a=suffix)]
        if found:
            return Loader(path=with_backslashes(found[0]), label=LABEL)
    return None


def entries_to_remove(
    state: FirmwareState, loader: Loader, part: Partition, others: Collection[str] | None
) -> tuple[BootEntry, ...]:
    """Return the entries that the new one replaces; one that may lead to a system somewhere stays.

    Replaced are, unless they lead to a partition of another disk that is there: the same label, and our own (as Ironic's agent does); the
    same partition with the same file, or with one that is not there; the same file on a partition of the same number and place that is
    gone, which is what an earlier deployment to this disk leaves, as every image has a GUID of its own and often a label of its own.
    Other entries for partitions that are not there may be those of a disk that was pulled or is not ready.

    Args:
        state: What the firmware has.
        loader: What the new entry starts.
        part: The ESP that it lies on.
        others: GUIDs of the partitions of the machine's other disks, lower case; ``None`` = not known: then none counts as gone.
    """
    return tuple(entry for entry in state.entries if _is_replaced(entry, loader, part, others))


def _is_replaced(
    entry: BootEntry, loader: Loader, part: Partition, others: Collection[str] | None
) -> bool:
    found = _GPT_PARTITION.search(entry.path)
    entry_id = found["id"].lower() if found else None
    file = _FILE.search(entry.path)
    is_same_file = file is not None and file["path"].lower() == loader.path.lower()
    if entry_id is not None and entry_id in (others or ()):
        return False
    if entry.label.lower() in (loader.label.lower(), LABEL):
        return True
    if entry_id is not None and entry_id == part.id_text.lower():
        known = {one.lower() for one in loader.files}
        is_missing = file is not None and bool(known) and file["path"].lower() not in known
        return is_same_file or is_missing
    is_gone = others is not None and found is not None and found.start() == 0
    return is_gone and is_same_file and _is_same_place(found, part)


def _is_same_place(found: re.Match[str] | None, part: Partition) -> bool:
    """Say whether a path leads to where the partition is; it counts in sectors of 512 or 4096 bytes."""
    if found is None or int(found["number"]) != part.number:
        return False
    start, sectors = int(found["start"], 16), int(found["sectors"], 16)
    return any(
        (start * size, sectors * size) == (part.start_byte, part.size_bytes)
        for size in _SECTOR_BYTES
    )


def order_with_first(state: FirmwareState, first: Sequence[str]) -> tuple[str, ...]:
    """Return the boot order with the entries ``first`` before the others, which keep theirs.

    Each number stands there once, and only those of entries that are there: firmware that keeps the number of a deleted entry would give it to
    the next one, and the order would grow with every deployment.
    """
    known = {entry.number for entry in state.entries}
    return tuple(dict.fromkeys((*first, *(number for number in state.order if number in known))))


def find_created(state: FirmwareState, loader: Loader, partition_id: str) -> BootEntry | None:
    """Return the entry that boots ``loader`` from the partition; ``None`` = it is not there."""
    return next(
        (
            entry
            for entry in state.entries
            if entry.label == loader.label
            and loader.path.lower() in entry.path.lower()
            and partition_id.lower() in entry.path.lower()
        ),
        None,
    )


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()


def with_backslashes(path: str) -> str:
    """Return a path below the ESP as the firmware writes it."""
    return "\\" + path.strip("/").replace("/", "\\")
