"""ssacli and hpssacli: Smart Array controllers of HPE. Their output is text, indented by three for each level.

Source: HPE, "HPE Smart Storage Administrator User Guide" (CLI mode), and the output that the project proliantutils recorded. The sizes of logical
drives are powers of 1024, those of drives powers of 1000.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import CommandFailed, RaidError
from agent.protocol.raid.levels import JBOD, LEVELS, Level
from agent.protocol.raid.placing import PhysicalDrive
from agent.system.runner import Runner
from hardware_managers.vendor_raid.drives import LogicalDrive, NewDrive, RaidController
from hardware_managers.vendor_raid.tool import EXIT_CODES, TIMEOUT_S

_TYPES = {"0": "0", "1": "1", "5": "5", "6": "6", "1+0": "1+0", "5+0": "50", "6+0": "60"}
_LEVEL_NAMES = {number: name for name, number in _TYPES.items()}
_NO_CONTROLLER = "No controllers detected"
_ARRAY = re.compile(r"Array:? (\w+)")
_LOGICAL = re.compile(r"Logical Drive: (\d+)")
_DRIVE = re.compile(r"physicaldrive (\S+)")
_SIZE = re.compile(r"([0-9.]+) +(MB|GB|TB|PB)")
_POWERS = {"MB": 2, "GB": 3, "TB": 4, "PB": 5}
_UNASSIGNED = "unassigned drive"


@dataclass(slots=True)
class _Section:
    """A heading with what is indented below it."""

    title: str
    indent: int
    values: dict[str, str] = field(default_factory=dict)
    parts: list["_Section"] = field(default_factory=list)

    def find(self, pattern: re.Pattern[str]) -> Iterator[tuple[str, "_Section"]]:
        """Yield the name in the heading and the section of every part whose heading fits, at any depth."""
        for part in self.parts:
            if found := pattern.fullmatch(part.title):
                yield found[1], part
            yield from part.find(pattern)


class SsaCli:
    """Implements :class:`hardware_managers.vendor_raid.tool.RaidTool`."""

    name = "ssacli"
    levels: Mapping[str, Level] = {k: level for k, level in LEVELS.items() if k != JBOD}
    volume_name: re.Pattern[str] | None = None

    def __init__(self, runner: Runner, program: str, timeout_s: float = TIMEOUT_S) -> None:
        """``program`` is where it is."""
        self._runner = runner
        self._program = program
        self._timeout_s = timeout_s

    def read(self) -> tuple[RaidController, ...]:
        """See :meth:`RaidTool.read`."""
        code, text = self._run("controller", "all", "show", "config", "detail")
        if code != 0 and _NO_CONTROLLER in text:
            return ()
        sections = [one for one in parse_sections(text) if "Slot" in one.values]
        if code != 0 or not sections:
            raise RaidError(f"ssacli: does not tell of its controllers: {text.strip()[:300]!r}")
        try:
            return tuple(_controller(section) for section in sections)
        except (KeyError, ValueError) as error:
            raise RaidError(
                f"ssacli: what it says of its controllers is not understood ({error!r:.200});"
                f" see {self._program} controller all show config detail"
            ) from error

    def create(self, controller: RaidController, new: NewDrive) -> None:
        """See :meth:`RaidTool.create`."""
        size = () if new.size_bytes is None else (f"size={new.size_bytes >> 20}",)
        words = [f"raid={_TYPES[new.level.name]}", *size, "forced"]
        place = ["controller", controller.place]
        if new.is_added:
            group = _group_of(controller, new.drives)
            self._order(*place, "array", group, "create", "type=logicaldrive", *words)
            return
        drives = f"drives={','.join(new.drives)}"
        self._order(*place, "create", "type=logicaldrive", drives, *words)

    def delete(self, controller: RaidController, drive: LogicalDrive) -> None:
        """See :meth:`RaidTool.delete`."""
        self._order("controller", controller.place, "logicaldrive", drive.ident, "delete", "forced")

    def foreign_advice(self, controller: RaidController) -> str:
        """See :meth:`RaidTool.foreign_advice`."""
        return f"see {self._program} controller {controller.place} show config detail"

    def _order(self, *words: str) -> None:
        code, text = self._run(*words)
        if code != 0 or "Error:" in text:
            raise RaidError(
                f"ssacli {' '.join(words)}: {text.strip()[:400] or f'exit status {code}'}"
            )

    def _run(self, *words: str) -> tuple[int, str]:
        try:
            told = self._runner.run(self._program, *words, timeout_s=self._timeout_s, ok=EXIT_CODES)
        except CommandFailed as error:
            raise RaidError(f"ssacli: {error}") from error
        return told.exit_code, told.stdout + told.stderr


def parse_sections(text: str) -> tuple[_Section, ...]:
    """Return the sections that are not indented, with everything below them; pure."""
    top = _Section("", -1)
    stack = [top]
    for line in text.expandtabs().splitlines():
        words = line.strip()
        if not words:
            continue
        indent = len(line) - len(line.lstrip(" "))
        while stack[-1].indent >= indent:
            stack.pop()
        key, colon, value = words.partition(": ")
        is_heading = not colon or _ARRAY.fullmatch(words) or _LOGICAL.fullmatch(words)
        if not is_heading:
            stack[-1].values[key.strip()] = value.strip()
        section = _Section(words, indent)
        stack[-1].parts.append(section)
        stack.append(section)
    return tuple(top.parts)


def _controller(section: _Section) -> RaidController:
    is_plain = section.values.get("HBA Mode Enabled") == "True"
    arrays = tuple(section.find(_ARRAY))
    logical = [
        _logical(ident, part, name, array)
        for name, array in arrays
        for ident, part in array.find(_LOGICAL)
    ]
    drives = (
        _drive(ident, part, is_plain=is_plain)
        for ident, part in section.find(_DRIVE)
        if "Interface Type" in part.values
    )
    return RaidController(
        name=section.title,
        place=f"slot={section.values['Slot']}",
        drives=tuple(drives),
        logical_drives=tuple(logical),
    )


def _logical(ident: str, part: _Section, group: str, array: _Section) -> LogicalDrive:
    """Return a logical drive; it is on all data drives of its array."""
    values = part.values
    device = values.get("Disk Name", "")
    members = tuple(
        name for name, drive in array.find(_DRIVE) if drive.values.get("Drive Type") == "Data Drive"
    )
    unique = values.get("Unique Identifier")
    return LogicalDrive(
        ident=ident,
        level=_LEVEL_NAMES.get(values["Fault Tolerance"], values["Fault Tolerance"]),
        size_bytes=_bytes(values["Size"], 1024),
        drives=members,
        state=values.get("Status", "unknown"),
        name=values.get("Logical Drive Label"),
        wwn=f"0x{unique.lower()}" if unique else None,
        device=Path(device) if device.startswith("/dev/") else None,
        group=group,
    )


def _drive(ident: str, part: _Section, *, is_plain: bool) -> PhysicalDrive:
    values = part.values
    kind = values["Interface Type"]
    return PhysicalDrive(
        ident=ident,
        size_bytes=_bytes(values["Size"], 1000),
        is_rotational=not ("SSD" in kind or "Solid State" in kind or "NVMe" in kind),
        interface=next(
            (one for one in ("sata", "sas", "nvme") if one in kind.lower()), kind.lower()
        ),
        model=" ".join(values.get("Model", "").split()) or None,
        serial=values.get("Serial Number"),
        wwn=None,
        obstacle=_obstacle(values, is_plain=is_plain),
        is_member=values.get("Drive Type") == "Data Drive" and values.get("Status") == "OK",
        is_plain=is_plain,
    )


def _obstacle(values: Mapping[str, str], *, is_plain: bool) -> str | None:
    use = values.get("Drive Type", "unknown")
    if is_plain:
        return "is a plain disk, as the controller is in HBA mode"
    if values.get("Status") != "OK":
        return f"has the status {values.get('Status', 'unknown')}"
    if use.lower() != _UNASSIGNED:
        return f"is in use ({use}); run delete_configuration first"
    return None


def _group_of(controller: RaidController, drives: Sequence[str]) -> str:
    """Return the array that is on exactly these drives."""
    for one in controller.logical_drives:
        if set(one.drives) == set(drives) and one.group:
            return one.group
    raise RaidError(f"{controller.name}: no array is on {', '.join(drives)}, to add a drive to it")


def _bytes(text: str, base: int) -> int:
    """Return a size such as ``558.9 GB``.

    Raises:
        ValueError: It is none.
    """
    found = _SIZE.search(text)
    if found is None:
        raise ValueError(f"no size: {text!r:.60}")
    return int(float(found[1]) * float(base ** _POWERS[found[2]]))
