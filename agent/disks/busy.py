"""Who uses a disk: mounts, swap, what stands on it, programs that hold it open. Reads /proc and /sys only."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent.disks.stack import Layer, LayerKind, device_number, read_stack, standing_on

_ACCESS_MODE = 0o3


def disk_layers(device: int, sys: Path = Path("/sys")) -> tuple[Layer, ...]:
    """Return the disk with this device number, then its partitions and what stands on them."""
    stack = read_stack(sys)
    number = f"{os.major(device)}:{os.minor(device)}"
    chosen = [name for name, layer in stack.items() if layer.number == number]
    return (*(stack[name] for name in chosen), *reversed(standing_on(stack, chosen)))


def uses_of(
    device: int, *, proc: Path = Path("/proc"), sys: Path = Path("/sys")
) -> tuple[str, ...]:
    """Return one phrase per use of the disk with this device number, of its partitions and of what stands on them; empty = free.

    Args:
        device: ``st_rdev`` of the whole disk.
        proc: Where procfs is mounted.
        sys: Where sysfs is mounted.
    """
    layers = disk_layers(device, sys)
    return (*data_uses(layers, proc), *_stacked(layers))


def data_uses(layers: Iterable[Layer], proc: Path = Path("/proc")) -> tuple[str, ...]:
    """Return one phrase per mount and swap space on these layers."""
    mounts, swaps = _mounts(proc), _swaps(proc)
    found: list[str] = []
    for layer in layers:
        found += [f"{layer.name} is mounted on {place}" for place in mounts.get(layer.number, ())]
        found += [f"{layer.name} is swap space" for swap in swaps if swap == layer.number]
    return tuple(found)


def _stacked(layers: Sequence[Layer]) -> list[str]:
    """Return one phrase per array, mapping or loop device among ``layers``, with what it stands on."""
    names = {layer.name for layer in layers}
    return [
        f"{lower} is {'behind' if layer.kind is LayerKind.LOOP else 'part of'} {layer.name}"
        for layer in layers
        if layer.kind is not LayerKind.PARTITION
        for lower in layer.below
        if lower in names
    ]


def openers_of(layers: Iterable[Layer], proc: Path = Path("/proc")) -> tuple[str, ...]:
    """Return one phrase per other process that holds a partition open, or a whole disk for writing.

    Programs that read a whole disk (monitors, udev) do no harm; what holds a partition keeps the kernel from reading a new
    partition table.
    """
    wanted = {layer.number: layer for layer in layers}
    found = set()
    for folder in _processes(proc):
        if folder.name == str(os.getpid()):
            continue
        for number, is_writer in _open_devices(folder):
            layer = wanted.get(number)
            if layer and (is_writer or layer.kind is LayerKind.PARTITION):
                command = _text(folder / "comm") or "a program"
                found.add(f"{layer.name} is open in {command} (process {folder.name})")
    return tuple(sorted(found))


def _processes(proc: Path) -> list[Path]:
    return sorted(folder for folder in proc.iterdir() if folder.name.isdigit())


def _open_devices(process: Path) -> Iterator[tuple[str, bool]]:
    """Yield (device number, is it open for writing) of every block device that a process has open."""
    try:
        links = list((process / "fd").iterdir())
    except OSError:
        return  # it ended, or is a thread of the kernel
    for link in links:
        try:
            status = link.stat()
        except OSError:
            continue
        if stat.S_ISBLK(status.st_mode):
            number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
            yield number, _is_writer(process / "fdinfo" / link.name)


def _is_writer(fdinfo: Path) -> bool:
    """Look at the flags that a file was opened with; proc_pid_fdinfo(5), octal."""
    for line in _text(fdinfo).splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & _ACCESS_MODE != os.O_RDONLY
    return False


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _mounts(proc: Path) -> dict[str, list[str]]:
    """Return the mount points of each device in every mount namespace; proc_pid_mountinfo(5), fields 3 and 5."""
    tables = {_namespace(folder): folder / "mountinfo" for folder in _processes(proc)}
    tables["own"] = proc / "self/mountinfo"
    found: dict[str, set[str]] = {}
    for table in tables.values():
        for row in (line.split() for line in _text(table).splitlines()):
            found.setdefault(row[2], set()).add(row[4])
    return {number: sorted(places) for number, places in found.items()}


def _namespace(process: Path) -> str:
    try:
        return str((process / "ns/mnt").readlink())
    except OSError:
        return "own"


def _swaps(proc: Path) -> list[str]:
    """Return the device numbers of swap partitions; proc_swaps(5)."""
    rows = [line.split() for line in _text(proc / "swaps").splitlines()[1:]]
    paths = [row[0] for row in rows if len(row) > 1 and row[1] == "partition"]
    return [number for path in paths if (number := device_number(path))]
