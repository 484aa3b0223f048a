"""The disks of any Linux machine: ``lsblk`` for what the kernel knows, udev for serial numbers, WWNs and links."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.hardware.devices import BlockDevice
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot

_COLUMNS = "NAME,KNAME,TYPE,SIZE,ROTA,RO,RM,MODEL,VENDOR,SERIAL,WWN,HCTL,TRAN,LOG-SEC,PHY-SEC"
_TIMEOUT_S = 30
_SETTLE_S = 60
_IGNORED_NAMES = ("fd", "ram", "zram", "sr", "nbd")
_WHOLE_DISK_TYPES = ("disk", "mpath")

UdevReader = Callable[[str], Mapping[str, str]]
"""Returns the udev properties of a kernel device name (``sda``); empty when udev knows nothing."""


class LsblkDiskLister:
    """Lists whole disks with ``lsblk`` and udev."""

    def __init__(self, runner: Runner, udev: UdevReader, sys_root: SysRoot) -> None:
        self._runner = runner
        self._udev = udev
        self._sys_root = sys_root

    def list_disks(self) -> tuple[BlockDevice, ...]:
        """See :class:`agent.hardware.capabilities.DiskLister`.

        Waits until udev has handled every device found so far: the agent may be asked while controllers still answer,
        and a disk that is missed is a disk that is not erased, or the wrong one that is written.
        """
        self._runner.run(
            "udevadm", "settle", f"--timeout={_SETTLE_S}", timeout_s=2 * _SETTLE_S, ok=(0, 1)
        )
        out = self._runner.run(
            "lsblk", "--json", "--bytes", "--nodeps", "--output", _COLUMNS, timeout_s=_TIMEOUT_S
        )
        return parse_lsblk(out.stdout, self._udev, self._sys_root)


def parse_lsblk(text: str, udev: UdevReader, sys_root: SysRoot) -> tuple[BlockDevice, ...]:
    """Turn the JSON of ``lsblk`` into disks, in its order; what cannot hold a system is left out.

    Raises:
        AgentError: The text is not what lsblk (util-linux 2.38) prints.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(text)["blockdevices"]
        disks = [
            _disk(row, udev(row["kname"]), sys_root)
            for row in rows
            if row["type"] in _WHOLE_DISK_TYPES
            and not row["kname"].startswith(_IGNORED_NAMES)
            and int(row["size"]) > 0
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(f"lsblk: output not understood ({error!r}): {text[:200]!r}") from error
    return tuple(disks)


def _disk(row: Mapping[str, Any], udev: Mapping[str, str], sys_root: SysRoot) -> BlockDevice:
    serials = _distinct(row["serial"], udev.get("ID_SERIAL_SHORT"), udev.get("ID_SERIAL"))
    wwns = _distinct(row["wwn"], udev.get("ID_WWN"), udev.get("ID_WWN_WITH_EXTENSION"))
    links = sorted(link for link in udev.get("DEVLINKS", "").split() if "/by-path/" in link)
    vendor = row["vendor"] or sys_root.text("sys/block", row["kname"], "device/vendor")
    return BlockDevice(
        path=Path("/dev") / row["name"],
        size_bytes=int(row["size"]),
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
        wwn_with_extension=udev.get("ID_WWN_WITH_EXTENSION"),
        wwn_vendor_extension=udev.get("ID_WWN_VENDOR_EXTENSION"),
        hctl=row["hctl"],
        by_path=links[0] if links else None,
        by_paths=tuple(links),
        transport=row["tran"],
    )


def _distinct(*values: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in values if value and value.strip()))


def _clean(value: str | None) -> str | None:
    return (value.strip() or None) if value else None
