"""What a port of a switch is set to: a mode and VLANs. Pure.

Source: Ironic's network interface ``ironic-networking`` writes it as ``access/native_vlan=100`` or
``trunk/native_vlan=1/allowed_vlans=100,200-210``, and as an object in a port's ``extra.switchport``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import Invalid

_LEAST_VLAN, _MOST_VLAN = 1, 4094
_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")
_FORM = "access/native_vlan=100 or trunk/native_vlan=1/allowed_vlans=100,200-210"
_KEYS = ("mode", "native_vlan", "allowed_vlans")
_SHOWN = 120


class Mode(StrEnum):
    """How a port treats frames."""

    ACCESS = "access"
    """One VLAN, without tags."""
    TRUNK = "trunk"
    """Several VLANs with tags, and one without."""
    HYBRID = "hybrid"
    """As ``trunk``; some switches tell them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchport:
    """The setting of a port."""

    mode: Mode
    native_vlan: int
    """Frames without a tag belong to it, 1 to 4094."""
    allowed_vlans: tuple[int, ...] = ()
    """Those with tags, ascending, without ``native_vlan``; none in the mode ``access``."""

    @property
    def vlans(self) -> frozenset[int]:
        """All VLANs that the port is in."""
        return frozenset({self.native_vlan, *self.allowed_vlans})

    def __str__(self) -> str:
        """Return it in Ironic's form."""
        allowed = f"/allowed_vlans={vlan_words(self.allowed_vlans)}" if self.allowed_vlans else ""
        return f"{self.mode}/native_vlan={self.native_vlan}{allowed}"

    def document(self) -> dict[str, Any]:
        """Return it as an object, as ``extra.switchport`` has it."""
        allowed = {"allowed_vlans": list(self.allowed_vlans)} if self.allowed_vlans else {}
        return {"mode": str(self.mode), "native_vlan": self.native_vlan, **allowed}


def parse_switchport(text: str, where: str) -> Switchport:
    """Read a port's setting from a text.

    Args:
        text: ``access/native_vlan=100``.
        where: Names the text in messages.

    Raises:
        Invalid: It is not of this form.
    """
    mode, *rest = (word.strip() for word in text.split("/"))
    found: dict[str, Any] = {"mode": mode}
    for word in rest:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals or key not in _KEYS[1:] or key in found:
            raise _malformed(where, text)
        is_native = key == "native_vlan"
        found[key] = vlan_ranges(value, where)
        if is_native:
            if len(found[key]) != 1:
                raise _malformed(where, text)
            (found[key],) = found[key]
    return read_switchport(found, where)


def read_switchport(value: Any, where: str) -> Switchport:
    """Read a port's setting from an object.

    Raises:
        Invalid: It is none, or contradicts itself.
    """
    if not isinstance(value, Mapping):
        raise _malformed(where, value)
    if unknown := sorted(str(key) for key in value.keys() - set(_KEYS)):
        raise Invalid(
            f"{where} has {clean_line(', '.join(unknown), _SHOWN)}, which is not supported; possible: {', '.join(_KEYS)}"
        )
    mode, native, allowed = value.get("mode"), value.get("native_vlan"), value.get("allowed_vlans")
    if mode not in list(Mode) or native is None:
        raise _malformed(where, value)
    native = _vlan(native, where)
    listed = () if allowed is None else allowed
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise _malformed(where, value)
    vlans = tuple(sorted({_vlan(one, where) for one in listed} - {native}))
    if (mode == Mode.ACCESS) is bool(listed):
        text = "allowed_vlans go with the modes trunk and hybrid only, which need them"
        raise Invalid(f"{where}: {text}; write {_FORM}")
    return Switchport(mode=Mode(mode), native_vlan=native, allowed_vlans=vlans)


def vlan_ranges(text: str, where: str) -> tuple[int, ...]:
    """Read VLANs such as ``100,200-210``.

    Raises:
        Invalid: They are not of this form.
    """
    found: set[int] = set()
    for word in text.split(","):
        ends = _RANGE.fullmatch(word.strip())
        if ends is None:
            raise Invalid(f"{where}: {clean_line(word, _SHOWN)!r} is no VLAN; write 100,200-210")
        first = _vlan(int(ends[1]), where)
        found.update(range(first, _vlan(int(ends[2] or first), where) + 1))
    return tuple(sorted(found))


def vlan_words(vlans: Iterable[int]) -> str:
    """Return VLANs as ``100,200-210``."""
    words = []
    for _key, run in groupby(enumerate(sorted(vlans)), lambda pair: pair[1] - pair[0]):
        row = [vlan for _index, vlan in run]
        words.append(str(row[0]) if len(row) == 1 else f"{row[0]}-{row[-1]}")
    return ",".join(words)


def _vlan(value: Any, where: str) -> int:
    if type(value) is not int or not _LEAST_VLAN <= value <= _MOST_VLAN:
        shown = clean_line(value, _SHOWN)
        raise Invalid(f"{where}: VLAN {shown} is not between {_LEAST_VLAN} and {_MOST_VLAN}")
    return value


def _malformed(where: str, value: Any) -> Invalid:
    return Invalid(f"{where} is {clean_line(value, _SHOWN)!r}; write {_FORM}")
