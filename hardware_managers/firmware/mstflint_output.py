"""What mstflint and mstconfig print, and which image fits which card. Pure.

Source: the manual pages mstflint(1) and mstconfig(1) 4.21; the fields of ``query full`` and of ``mstconfig query``.
"""

import re
from dataclasses import dataclass

from agent.errors import FirmwareError

_FIELD = re.compile(r"^(FW Version|PSID|Description|Product Version):\s+(\S.*?)\s*$", re.MULTILINE)
_SETTING = re.compile(r"^\s*\*?\s+([A-Z][A-Z0-9_]*(?:\[[0-9.]+\])?)\s+(\S.*?)\s*$", re.MULTILINE)
_PSID = re.compile(r"[0-9A-Za-z_]{4,16}")
_VALUE = re.compile(r"^(?:(.*)\(([^()]*)\)|(\S+))$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareQuery:
    """Version and board identity (PSID), of a card or of an image file."""

    version: str
    psid: str


def parse_query(said: str) -> FirmwareQuery:
    """Parse ``mstflint ... query full``.

    Raises:
        FirmwareError: Version or PSID is not in it.
    """
    fields = dict(_FIELD.findall(said))
    version, psid = fields.get("FW Version", ""), fields.get("PSID", "")
    if not version or not _PSID.fullmatch(psid):
        raise FirmwareError("mstflint: its answer names no firmware version, or no PSID")
    return FirmwareQuery(version=version, psid=psid)


def parse_settings(said: str) -> dict[str, str]:
    """Return what the next boot uses, by name of the parameter, from ``mstconfig -d DEVICE query``.

    A value with a number in parentheses (``True(1)``) is given as that number, others as they stand.
    """
    _, _, listed = said.partition("Configurations:")
    return {name: _bare(value.split()[-1]) for name, value in _SETTING.findall(listed)}


def is_same_setting(shown: str | None, wanted: str) -> bool:
    """Say whether a parameter has the wanted value; words for booleans count as their numbers."""
    if shown is None:
        return False
    numbers = {"true": "1", "false": "0"}
    return numbers.get(shown.lower(), shown.lower()) == numbers.get(wanted.lower(), wanted.lower())


def _bare(value: str) -> str:
    found = _VALUE.match(value)
    return (found[2] or found[3]) if found else value
