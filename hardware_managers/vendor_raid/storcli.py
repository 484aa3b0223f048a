"""storcli and perccli: MegaRAID controllers of Broadcom, and those that Dell sells as PERC.

Source: published recordings and scripts for versions 007.06 to 007.35, and what they have in common (``J`` prints JSON: a list ``Controllers`` of
``Command Status`` and ``Response Data``); Broadcom's reference manual was not at hand. Sizes in its output and arguments are powers of 1024.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import CommandFailed, RaidError
from agent.protocol.raid.levels import JBOD, LEVELS, Level
from agent.protocol.raid.placing import PhysicalDrive
from agent.system.runner import Runner
from hardware_managers.vendor_raid.drives import LogicalDrive, NewDrive, RaidController
from hardware_managers.vendor_raid.tool import EXIT_CODES, TIMEOUT_S

_TYPES = {"0": "0", "1": "1", "5": "5", "6": "6", "1+0": "10", "5+0": "50", "6+0": "60"}
_LEVEL_NAMES = {f"RAID{number}": name for name, number in _TYPES.items()}
_STATES: Mapping[str, str] = {
    "JBOD": "is a plain disk (JBOD); to have it used: {program} {place} set good force",
    "GHS": "is a hot spare",
    "DHS": "is a hot spare",
    "Onln": "is in use; run delete_configuration first",
    "Rbld": "is being rebuilt",
}
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "PB": 1 << 50}
_SIZE = re.compile(r"([0-9.]+) (B|[KMGTP]B)(?: \[0x([0-9a-fA-F]+) Sectors\])?")
_NOTHING = re.compile(r"\bNo (VD|virtual drive|drive|PD|controller)s?\b", re.IGNORECASE)
_SECTOR_BYTES = 512


class StorCli:
    """Implements :class:`hardware_managers.vendor_raid.tool.RaidTool`."""

    levels: Mapping[str, Level] = LEVELS
    volume_name = re.compile(r"[A-Za-z0-9_-]{1,15}")

    def __init__(
        self, runner: Runner, program: str, name: str, timeout_s: float = TIMEOUT_S
    ) -> None:
        """``program`` is where it is, ``name`` ``storcli`` or ``perccli``."""
        self._runner = runner
        self._program = program
        self._timeout_s = timeout_s
        self._name = name

    @property
    def name(self) -> str:
        """See :class:`RaidTool`."""
        return self._name

    def read(self) -> tuple[RaidController, ...]:
        """See :meth:`RaidTool.read`."""
        told = self._ask("show")
        rows = next(
            (told[key] for key in ("System Overview", "IT System Overview") if key in told), ()
        )
        return tuple(self._controller(f"/c{int(row['Ctl'])}") for row in _rows(rows, "show"))

    def _controller(self, place: str) -> RaidController:
        drives = self._ask(f"{place}/eall/sall", "show", "all")
        volumes = self._ask(f"{place}/vall", "show", "all")
        try:
            return RaidController(
                name=f"{self.name}{place}",
                place=place,
                drives=tuple(self._drive(drives, key) for key in drives if _is_drive(key)),
                logical_drives=(
                    *(_volume(volumes, key) for key in volumes if key.startswith(f"{place}/v")),
                    *(
                        _plain(drives, key)
                        for key in drives
                        if _is_drive(key) and _is_jbod(drives[key])
                    ),
                ),
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise RaidError(
                f"{self.name}: what it says of {place} is not understood ({error!r:.200}); see"
                f" {self._program} {place} show all J, and use a version of 007 or later"
            ) from error

    def _drive(self, told: Mapping[str, Any], key: str) -> PhysicalDrive:
        row = told[key][0]
        place = key.removeprefix("Drive ")
        details = told.get(f"{key} - Detailed Information", {})
        facts = details.get(f"{key} Device attributes", {})
        is_foreign = row["DG"] == "F"
        state = str(row["State"])
        obstacle = None if state == "UGood" else _STATES.get(state, f"is {state}")
        if is_foreign:
            obstacle = "holds the configuration of another controller"
        return PhysicalDrive(
            ident=str(row["EID:Slt"]).strip(),
            size_bytes=_bytes(facts.get("Coerced size") or row["Size"]),
            is_rotational=row["Med"] == "HDD",
            interface=str(row["Intf"]).lower(),
            model=_text(row["Model"]),
            serial=_text(facts.get("SN")),
            wwn=_wwn(facts.get("WWN")),
            obstacle=obstacle and obstacle.format(program=self._program, place=place),
            is_member=state == "Onln" and not is_foreign,
            is_foreign=is_foreign,
            is_plain=state == "JBOD",
        )

    def create(self, controller: RaidController, new: NewDrive) -> None:
        """See :meth:`RaidTool.create`."""
        if new.level.name == JBOD:
            enclosure, slot = new.drives[0].split(":")
            self._order(f"{controller.place}/e{enclosure}/s{slot}", "set", "jbod")
            return
        words = [f"type=raid{_TYPES[new.level.name]}"]
        if new.size_bytes is not None:
            words.append(f"size={new.size_bytes >> 20}MB")
        if new.name is not None:
            words.append(f"name={new.name}")
        words.append(f"drives={','.join(new.drives)}")
        if new.level.name.endswith("+0"):
            per_span = 2 if new.level.name == "1+0" else len(new.drives) // 2
            words.append(f"pdperarray={per_span}")
        self._order(controller.place, "add", "vd", *words)

    def delete(self, controller: RaidController, drive: LogicalDrive) -> None:
        """See :meth:`RaidTool.delete`; JBOD drives are the disks that they are, there is nothing to remove."""
        if drive.level != JBOD:
            self._order(f"{controller.place}/v{drive.ident}", "del", "force")

    def foreign_advice(self, controller: RaidController) -> str:
        """See :meth:`RaidTool.foreign_advice`."""
        line = f"{self._program} {controller.place}/fall"
        return f"{line} import takes it over, {line} del throws it away"

    def _order(self, *words: str) -> None:
        status, data = self._run(*words)
        if status.get("Status") != "Success":
            raise RaidError(f"{self.name} {' '.join(words)}: {_complaint(status, data)}")

    def _ask(self, *words: str) -> Mapping[str, Any]:
        """Return ``Response Data``; empty if there is nothing to tell of."""
        status, data = self._run(*words)
        if status.get("Status") == "Success":
            return data
        complaint = _complaint(status, data)
        if _NOTHING.search(complaint):
            return {}
        raise RaidError(f"{self.name} {' '.join(words)}: {complaint}")

    def _run(self, *words: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        line = (self._program, *words, "J", "nolog")
        try:
            told = self._runner.run(*line, timeout_s=self._timeout_s, ok=EXIT_CODES)
        except CommandFailed as error:
            raise RaidError(f"{self.name}: {error}") from error
        try:
            answer = json.loads(told.stdout)["Controllers"][0]
            status, data = answer["Command Status"], answer.get("Response Data") or {}
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            shown = (told.stdout.strip() or told.stderr.strip())[:200]
            raise RaidError(
                f"{' '.join(line)}: exit status {told.exit_code}, and no JSON of its own kind but {shown!r}"
            ) from error
        if not isinstance(status, Mapping) or not isinstance(data, Mapping):
            raise RaidError(f"{' '.join(line)}: its JSON has no status and data: {status!r:.200}")
        return status, data


def _volume(told: Mapping[str, Any], key: str) -> LogicalDrive:
    row = told[key][0]
    group, number = str(row["DG/VD"]).split("/")
    facts = told.get(f"VD{number} Properties", {})
    blocks = facts.get("Number of Blocks")
    device = _text(facts.get("OS Drive Name"))
    return LogicalDrive(
        ident=str(int(number)),
        level=_LEVEL_NAMES.get(row["TYPE"], str(row["TYPE"])),
        size_bytes=_bytes(row["Size"]) if blocks is None else int(blocks) * _SECTOR_BYTES,
        drives=tuple(str(one["EID:Slt"]).strip() for one in told[f"PDs for VD {number}"]),
        state=str(row["State"]),
        name=_text(row.get("Name")),
        wwn=_wwn(facts.get("SCSI NAA Id")),
        device=Path(device) if device and device.startswith("/dev/") else None,
        group=group,
    )


def _plain(told: Mapping[str, Any], key: str) -> LogicalDrive:
    """Return a JBOD drive as a logical one."""
    row = told[key][0]
    ident = str(row["EID:Slt"]).strip()
    details = told.get(f"{key} - Detailed Information", {})
    facts = details.get(f"{key} Device attributes", {})
    return LogicalDrive(
        ident=ident,
        level=JBOD,
        size_bytes=_bytes(row["Size"]),
        drives=(ident,),
        state=str(row["State"]),
        wwn=_wwn(facts.get("WWN")),
    )


def _is_drive(key: str) -> bool:
    return key.startswith("Drive /c") and " - " not in key


def _is_jbod(rows: Sequence[Mapping[str, Any]]) -> bool:
    return bool(rows[0]["State"] == "JBOD")


def _rows(rows: Any, command: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(rows, list | tuple) or not all(
        isinstance(r, Mapping) and "Ctl" in r for r in rows
    ):
        raise RaidError(f"{command}: no list of controllers but {rows!r:.200}")
    return rows


def _complaint(status: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return what it says of a failure; the details are in the status or in the data."""
    details = status.get("Detailed Status") or data.get("Detailed Status") or ()
    rows = [row for row in details if isinstance(row, Mapping)] if isinstance(details, list) else []
    said = [str(row.get("ErrMsg", "")) for row in rows]
    texts = [str(status.get("Description", "")), *said]
    return (
        "; ".join(text for text in texts if text and text != "-")[:400] or "failed, no reason given"
    )


def _bytes(text: str) -> int:
    """Return a size such as ``237.968 GB [0x1dbf0000 Sectors]``.

    Raises:
        ValueError: It is none.
    """
    found = _SIZE.search(str(text))
    if found is None:
        raise ValueError(f"no size: {text!r:.60}")
    if found[3] is not None:
        return int(found[3], 16) * _SECTOR_BYTES
    return int(float(found[1]) * _UNITS[found[2]])


def _text(value: Any) -> str | None:
    return str(value).strip() or None if value is not None else None


def _wwn(value: Any) -> str | None:
    text = _text(value)
    if text is None or not re.fullmatch(r"(?:0x|naa\.)?[0-9a-fA-F]+", text):
        return None
    return "0x" + text.lower().removeprefix("0x").removeprefix("naa.")
