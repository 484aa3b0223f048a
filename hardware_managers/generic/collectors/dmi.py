"""Collector ``dmi-decode``: firmware, processors and memory as SMBIOS has them, read by dmidecode, in the shape of Ironic's agent."""

import re
from typing import Any

from agent.errors import AgentError
from agent.system.runner import Runner

_TIMEOUT_S = 30
_HANDLE = re.compile(r"Handle 0x[0-9A-F]+, DMI type (\d+), \d+ bytes")
_BIOS, _PROCESSOR, _MEMORY_ARRAY, _MEMORY_DEVICE = 0, 4, 16, 17

Record = dict[str, Any]


def dmi(runner: Runner) -> dict[str, Any]:
    """Return ``dmi``, see :func:`parse_dmidecode`.

    Raises:
        AgentError: dmidecode failed, or the machine has no SMBIOS.
    """
    argv = ("dmidecode", "-t", "bios", "-t", "processor", "-t", "memory")
    return {"dmi": parse_dmidecode(runner.run(*argv, timeout_s=_TIMEOUT_S).stdout)}


def parse_dmidecode(text: str) -> dict[str, Any]:
    """Return what dmidecode 3 printed: ``bios``, ``cpu`` (a list), ``memory`` (of the first array) with ``devices``.

    ``Number Of Devices`` is that of all arrays. Keys and texts are dmidecode's own; of what has several lines a list.

    Raises:
        AgentError: There is not a single record in it.
    """
    records = _records(text)
    if not records:
        said = text.strip().rpartition("\n")[2]
        raise AgentError(f"dmidecode found nothing: {said or 'no output'}; has the machine SMBIOS?")

    def of_type(wanted: int) -> list[Record]:
        return [record for kind, record in records if kind == wanted]

    arrays = of_type(_MEMORY_ARRAY)
    memory = dict(arrays[0]) if arrays else {}
    memory.pop("Handle", None)
    counts = [str(array.get("Number Of Devices", "")) for array in arrays]
    if arrays:
        memory["Number Of Devices"] = sum(int(count) for count in counts if count.isdecimal())
    bios = of_type(_BIOS)
    return {
        "bios": bios[-1] if bios else {},
        "cpu": of_type(_PROCESSOR),
        "memory": {**memory, "devices": of_type(_MEMORY_DEVICE)},
    }


def _records(text: str) -> list[tuple[int, Record]]:
    """Return the records with their SMBIOS types; a line is indented by one tabulator, a line of a list by two."""
    records: list[tuple[int, Record]] = []
    several: list[str] = []
    for line in text.splitlines():
        if handle := _HANDLE.match(line):
            records.append((int(handle[1]), {"Handle": line.strip()}))
            several = []
        elif line.startswith("\t\t"):
            several.append(line.strip())
        elif line.startswith("\t") and records and ":" in line:
            key, _, value = (part.strip() for part in line.partition(":"))
            several = []
            records[-1][1][key] = value or several
    return records
