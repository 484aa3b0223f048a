"""The disks of any Linux machine: ``lsblk`` for what the kernel knows, udev for serial numbers, WWNs and links.

Listed is what Ironic's agent lists: disks, assembled arrays, and multipath devices in the place of their paths.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.hardware.devices import BlockDevice
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot

log = logging.getLogger(__name__)
_COLUMNS = (
    "NAME,KNAME,TYPE,SIZE,ROTA,RO,RM,MODEL,VENDOR,SERIAL,WWN,HCTL,TRAN,LOG-SEC,PHY-SEC,FSTYPE,LABEL"
)
_TIMEOUT_S = 30
_SETTLE_S = 60
_IGNORED_NAMES = ("fd", "ram", "zram", "sr", "nbd")
_MEMBER = "linux_raid_member"
_FIRMWARE_MEMBERS = ("isw_raid_member", "ddf_raid_member")

UdevReader = Callable[[str], Mapping[str, str]]
"""Returns the udev properties of a kernel device name (``sda``); empty when udev knows nothing."""


class LsblkDiskLister:
    """Lists whole disks with ``lsblk`` and udev."""

    def __init__(self, runner: Runner, udev: UdevReader, sys_root: SysRoot) -> None:
        self._runner = runner
        self._udev = udev
        self._sys_root = sys_root

    def list_disks(self) -> tuple[BlockDevice, ...]:
        """See :class:`agent.hardware.reading.DiskLister`.

        Waits until udev has handled every device found so far: the agent may be asked while controllers still answer,
        and a disk that is missed is a disk that is not erased, or the wrong one that is written.
        """
        self._runner.run(
            "udevadm", "settle", f"--timeout={_SETTLE_S}", timeout_s=2 * _SETTLE_S, ok=(0, 1)
        )
        out = self._runner.run(
            "lsblk", "--json", "--bytes", "--output", _COLUMNS, timeout_s=_TIMEOUT_S
        )
        return parse_lsblk(out.stdout, self._udev, self._sys_root)


@dataclass(slots=True, kw_only=True)
class _Device:
    """A row of ``lsblk``; ``parents`` and ``children`` are kernel names, each as often as lsblk shows it."""

    row: Mapping[str, Any]
    parents: set[str] = field(default_factory=set)
    children: set[str] = field(default_factory=set)

    @property
    def kind(self) -> str:
        return str(self.row.get("type") or "")


def parse_lsblk(text: str, udev: UdevReader, sys_root: SysRoot) -> tuple[BlockDevice, ...]:
    """Turn the JSON of ``lsblk`` into disks, in its order; what cannot hold a system is left out, and told in the log if odd.

    Raises:
        AgentError: The text is not what lsblk (util-linux 2.38) prints.
    """
    devices: dict[str, _Device] = {}
    try:
        _collect(json.loads(text)["blockdevices"], None, devices)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AgentError(f"lsblk: output not understood ({error!r}): {text[:200]!r}") from error
    disks = []
    for kname, device in devices.items():
        if not _is_listed(kname, device, devices):
            continue
        try:
            disk = _disk(device.row, udev(kname), sys_root)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("disk not listed", extra={"disk": kname, "reason": f"lsblk: {error!r}"})
            continue
        if disk.size_bytes > 0:
            disks.append(_with_relations(disk, device, devices))
    return _one_per_lun(disks)


def _collect(
    rows: Sequence[Mapping[str, Any]], parent: str | None, devices: dict[str, _Device]
) -> None:
    for row in rows:
        kname, _ = row["kname"], row["type"]
        device = devices.setdefault(kname, _Device(row=row))
        if parent is not None:
            device.parents.add(parent)
            devices[parent].children.add(kname)
        _collect(row.get("children") or (), kname, devices)


def _is_listed(kname: str, device: _Device, devices: Mapping[str, _Device]) -> bool:
    if kname.startswith(_IGNORED_NAMES):
        return False
    if device.kind == "disk":
        return not any(devices[child].kind == "mpath" for child in device.children)
    return device.kind == "mpath" or "raid" in device.kind


def _with_relations(
    disk: BlockDevice, device: _Device, devices: Mapping[str, _Device]
) -> BlockDevice:
    """Return the disk with what it is made of, and the arrays that it and its partitions are members of."""
    members = [device, *(devices[c] for c in device.children if devices[c].kind == "part")]
    kinds = [member.row.get("fstype") for member in members]
    labels = [member.row.get("label") or "" for member in members]
    named = [label for kind, label in zip(kinds, labels, strict=True) if kind == _MEMBER and label]
    lower = tuple(Path("/dev") / name for name in sorted(_bases(device, devices)))
    is_mapped = device.kind == "mpath"
    return replace(
        disk,
        paths=lower if is_mapped else (),
        is_mapped=is_mapped,
        below=() if is_mapped else lower,
        # "host:name" since version 1 of the superblock; mdadm(8), --name
        volume_names=tuple(sorted({label.rpartition(":")[2] for label in named})),
        has_unnamed_volume=any(
            kind in _FIRMWARE_MEMBERS or (kind == _MEMBER and not label)
            for kind, label in zip(kinds, labels, strict=True)
        ),
    )


def _bases(device: _Device, devices: Mapping[str, _Device]) -> Iterator[str]:
    """Yield the names of the whole disks, or multipath devices, that a device stands on."""
    for parent in device.parents:
        above = devices[parent]
        if above.kind == "mpath" or not above.parents:
            yield parent
        else:
            yield from _bases(above, devices)


def _one_per_lun(disks: Sequence[BlockDevice]) -> tuple[BlockDevice, ...]:
    """Return one disk for each group of paths to the same LUN: the first one listed, which knows the others."""
    order = {disk.path: place for place, disk in enumerate(disks)}
    known = [(key, disk) for disk in disks if (key := _identity(disk)) is not None]
    kept = {disk.path: disk for disk in disks}
    for _, group in groupby(sorted(known, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        first, *others = sorted((disk for _, disk in group), key=lambda disk: order[disk.path])
        for other in others:
            del kept[other.path]
        if others:
            kept[first.path] = replace(first, paths=tuple(other.path for other in others))
    return tuple(kept.values())


def _identity(disk: BlockDevice) -> tuple[str, ...] | None:
    """Return what two paths of one LUN have in common; ``None`` = the disk has no WWN, or is put together already.

    A WWN alone is not enough: cheap bridges give the same one to all that is behind them.
    """
    wwn = disk.wwn_with_extension or disk.wwn
    if not wwn or disk.is_mapped or disk.below:
        return None
    told = (wwn, disk.serial, disk.vendor, disk.model, disk.size_bytes, disk.logical_sector_bytes)
    return tuple(str(value) for value in told)


def _disk(row: Mapping[str, Any], udev: Mapping[str, str], sys_root: SysRoot) -> BlockDevice:
    def told(name: str) -> str | None:
        return udev.get(f"ID_{name}") or udev.get(f"DM_{name}")  # the second of device mappings

    serials = _distinct(row["serial"], told("SERIAL_SHORT"), told("SERIAL"))
    wwns = _distinct(row["wwn"], told("WWN"), told("WWN_WITH_EXTENSION"))
    links = sorted(link for link in udev.get("DEVLINKS", "").split() if "/by-path/" in link)
    vendor = row["vendor"] or sys_root.text("sys/block", row["kname"], "device/vendor")
    return BlockDevice(
        path=Path("/dev") / row["kname"].replace("!", "/"),
        size_bytes=int(row["size"] or 0),
        logical_sector_bytes=int(row["log-sec"]),
        physical_sector_bytes=int(row["phy-sec"]),
        is_rotational=bool(row["rota"]),
        is_read_only=bool(row["ro"]),
        is_removable=bool(row["rm"]),
        model=_clean(row["model"]) or _clean(udev.get("ID_MODEL")),
        vendor=_clean(vendor),
        serial=serials[0] if serials else None,
        serials=serials,
        wwn=wwns[0] if wwns else None,
        wwns=wwns,
        wwn_with_extension=told("WWN_WITH_EXTENSION"),
        wwn_vendor_extension=told("WWN_VENDOR_EXTENSION"),
        hctl=row["hctl"],
        by_path=links[0] if links else None,
        by_paths=tuple(links),
        transport=row["tran"],
        label=_clean(row.get("label")),
    )


def _distinct(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in values if value and value.strip()))


def _clean(value: str | None) -> str | None:
    return (value.strip() or None) if value else None
