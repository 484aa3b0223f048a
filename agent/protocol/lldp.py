"""LLDP: what a switch says about the port that a card is plugged into. Pure, and safe with whatever is on the wire.

Sources: IEEE 802.1AB-2016 (frame, mandatory and basic TLVs), 802.1Q-2014 annex D, 802.3-2015 clause 79. Raw TLVs travel as
Ironic's agent sends them (``lldp_raw``: pairs of type and hexadecimal value for each interface), parsed ones with the names that
Ironic's ``parse-lldp`` hook gives (``parsed_lldp``). Nothing here raises on foreign bytes: what is malformed is left out.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from agent.protocol.foreign_text import clean_line, clean_text
from agent.protocol.lldp_words import autonegotiation_words, capability_words, mau_word

ETHERTYPE = 0x88CC
LONGEST_FRAME_BYTES = 1522
_HEADER_BYTES = 14
_VLAN_TAG, _VLAN_TAG_BYTES = b"\x81\x00", 4
_MOST_TLVS = 256
_LONGEST_VALUE_BYTES = 511
_MOST_INTERFACES = 1024
_END, _CHASSIS, _PORT, _TTL = 0, 1, 2, 3
_ORGANIZATION, _ORGANIZATION_BYTES = 127, 4
_DOT1, _DOT3 = b"\x00\x80\xc2", b"\x00\x12\x0f"
_MAC_BYTES = 6
_CHASSIS_TEXTS, _CHASSIS_MAC, _CHASSIS_ADDRESS = frozenset({1, 2, 3, 6, 7}), 4, 5
_PORT_TEXTS, _PORT_MAC, _PORT_ADDRESS = frozenset({1, 2, 5, 7}), 3, 4
_IPV4, _IPV6, _ETHERNET = 1, 2, 6
"""Address families of IANA."""

Tlv = tuple[int, bytes]
"""Type and value of a TLV."""
Parsed = dict[str, Any]


class LinkNeighbour(NamedTuple):
    """The three fields of a port's ``local_link_connection``; ``None`` = not said, or not in a form that Ironic takes."""

    switch_id: str | None
    port_id: str | None
    switch_info: str | None


def tlvs_of_frame(frame: bytes) -> tuple[Tlv, ...]:
    """Return the TLVs of an Ethernet frame in their order, without the end mark; ``()`` = this is no neighbour's word.

    A frame counts if it begins with chassis, port and a time to live that is not 0 (802.1AB 9.2.7.7: otherwise it is discarded, or
    says that the neighbour goes away).
    """
    head = frame[12:14]
    start = _HEADER_BYTES + (_VLAN_TAG_BYTES if head == _VLAN_TAG else 0)
    if frame[start - 2 : start] != ETHERTYPE.to_bytes(2, "big") or len(frame) > LONGEST_FRAME_BYTES:
        return ()
    tlvs = _split(frame[start:])
    if tuple(kind for kind, _ in tlvs[:3]) != (_CHASSIS, _PORT, _TTL):
        return ()
    return tlvs if any(tlvs[2][1][:2]) else ()


def _split(unit: bytes) -> tuple[Tlv, ...]:
    """Return the TLVs of a data unit up to its end mark, or to the first that is longer than what is left."""
    tlvs: list[Tlv] = []
    at = 0
    while at + 2 <= len(unit) and len(tlvs) < _MOST_TLVS:
        head = int.from_bytes(unit[at : at + 2], "big")
        kind, length = head >> 9, head & 0x1FF
        value = unit[at + 2 : at + 2 + length]
        if kind == _END or len(value) < length:
            break
        tlvs.append((kind, value))
        at += 2 + length
    return tuple(tlvs)


def as_raw(tlvs: Iterable[Tlv]) -> list[list[int | str]]:
    """Return TLVs as they travel: ``[[type, hexadecimal value], ...]``."""
    return [[kind, value.hex()] for kind, value in tlvs]


def from_raw(raw: Any) -> tuple[Tlv, ...]:
    """Return the TLVs of one interface of ``lldp_raw``; what is not of its shape is left out."""
    tlvs: list[Tlv] = []
    for entry in raw[:_MOST_TLVS] if isinstance(raw, list | tuple) else ():
        if not isinstance(entry, list | tuple) or len(entry) != 2:  # noqa: PLR2004  # a pair
            continue
        kind, text = entry
        if type(kind) is not int or not isinstance(text, str):
            continue
        if len(text) > 2 * _LONGEST_VALUE_BYTES:
            continue
        try:
            tlvs.append((kind, bytes.fromhex(text)))
        except ValueError:
            continue
    return tuple(tlvs)


def raw_of(plugin_data: Mapping[str, Any], interfaces: Iterable[Any]) -> dict[str, tuple[Tlv, ...]]:
    """Return the TLVs by interface out of an inspection's result: ``lldp_raw``, or ``lldp`` of the inventory's interfaces.

    Args:
        plugin_data: Ironic's name for what a result has beside the inventory.
        interfaces: ``inventory.interfaces``.
    """
    raw = plugin_data.get("lldp_raw")
    by_name = dict(raw) if isinstance(raw, Mapping) else {}
    for one in interfaces:
        if isinstance(one, Mapping) and one.get("lldp") and not by_name.get(str(one.get("name"))):
            by_name[str(one.get("name"))] = one["lldp"]
    pairs = list(by_name.items())[:_MOST_INTERFACES]
    return {str(name): tlvs for name, value in pairs if (tlvs := from_raw(value))}


def parse_tlvs(tlvs: Iterable[Tlv]) -> Parsed:
    """Return what the TLVs say, by Ironic's names; of a TLV that must stand once the first counts."""
    parsed: Parsed = {}
    for kind, value in tlvs:
        if kind == _ORGANIZATION:
            reader, told = _ORGANIZATIONS.get(value[:_ORGANIZATION_BYTES]), value[4:]
        else:
            reader, told = _BASIC.get(kind), value
        if reader is not None:
            reader(told, parsed)
    return parsed


def neighbour_of(tlvs: Iterable[Tlv]) -> LinkNeighbour:
    """Return what a port's ``local_link_connection`` is made of, as Ironic's hook does it: a chassis counts if it is a MAC address."""
    first: dict[int, bytes] = {}
    for kind, value in tlvs:
        first.setdefault(kind, value)
    chassis, port, name = first.get(_CHASSIS, b""), first.get(_PORT, b""), first.get(5, b"")
    is_mac = chassis[:1] == bytes([_CHASSIS_MAC])
    return LinkNeighbour(
        switch_id=_mac(chassis[1:]) if is_mac else None,
        port_id=_port_id(port),
        switch_info=_text(name),
    )


def _text(value: bytes) -> str | None:
    return clean_line(value.rstrip(b"\0"), 2 * _LONGEST_VALUE_BYTES) or None


def _lines(value: bytes) -> str | None:
    return clean_text(value.rstrip(b"\0"), 2 * _LONGEST_VALUE_BYTES).strip() or None


def _mac(value: bytes) -> str | None:
    return value.hex(":") if len(value) == _MAC_BYTES else None


def _address(value: bytes) -> str | None:
    """Return an address after its family's number."""
    family, rest = value[:1], value[1:]
    if family == bytes([_IPV4]) and len(rest) == 4:  # noqa: PLR2004  # octets
        return str(ipaddress.IPv4Address(rest))
    if family == bytes([_IPV6]) and len(rest) == 16:  # noqa: PLR2004  # octets
        return str(ipaddress.IPv6Address(rest))
    return _mac(rest) if family == bytes([_ETHERNET]) else None


def _chassis_id(value: bytes) -> str | None:
    kind, rest = value[0] if value else -1, value[1:]
    if kind in _CHASSIS_TEXTS:
        return _text(rest)
    if kind == _CHASSIS_MAC:
        return _mac(rest)
    return _address(rest) if kind == _CHASSIS_ADDRESS else None


def _port_id(value: bytes) -> str | None:
    kind, rest = value[0] if value else -1, value[1:]
    if kind in _PORT_TEXTS:
        return _text(rest)
    if kind == _PORT_MAC:
        return _mac(rest)
    return _address(rest) if kind == _PORT_ADDRESS else None


_Reader = Callable[[bytes, Parsed], None]


def _single(name: str, read: Callable[[bytes], Any]) -> _Reader:
    def take(value: bytes, parsed: Parsed) -> None:
        found = read(value)
        if found is not None:
            parsed.setdefault(name, found)

    return take


def _several(name: str, read: Callable[[bytes], Any]) -> _Reader:
    def take(value: bytes, parsed: Parsed) -> None:
        found = read(value)
        if found is not None:
            parsed.setdefault(name, []).append(found)

    return take


def _number(value: bytes) -> int | None:
    return int.from_bytes(value, "big") if len(value) == 2 else None  # noqa: PLR2004  # 16 bits


def _capabilities(value: bytes, parsed: Parsed) -> None:
    if len(value) == 4:  # noqa: PLR2004  # twice 16 bits
        supported, enabled = int.from_bytes(value[:2], "big"), int.from_bytes(value[2:], "big")
        parsed.setdefault("switch_capabilities_support", capability_words(supported))
        parsed.setdefault("switch_capabilities_enabled", capability_words(enabled))


def _management_address(value: bytes) -> str | None:
    length = value[0] if value else 0
    return _address(value[1 : 1 + length])


def _protocol_vlan(value: bytes, parsed: Parsed) -> None:
    if len(value) == 3:  # noqa: PLR2004  # flags and 16 bits
        parsed.setdefault("switch_port_protocol_vlan_enabled", bool(value[0] & 4))
        parsed.setdefault("switch_port_protocol_vlan_support", bool(value[0] & 2))
        vlans = parsed.setdefault("switch_port_protocol_vlan_ids", [])
        vlans.append(int.from_bytes(value[1:], "big"))


def _vlan(value: bytes) -> dict[str, Any] | None:
    if len(value) < 3 or len(value) < 3 + value[2]:  # noqa: PLR2004  # number and length of the name
        return None
    return {"name": _text(value[3 : 3 + value[2]]) or "", "id": int.from_bytes(value[:2], "big")}


def _protocol(value: bytes) -> str | None:
    return value[1 : 1 + value[0]].hex() if value and len(value) > value[0] else None


def _aggregation(value: bytes, parsed: Parsed) -> None:
    """Take 802.1 link aggregation, and 802.3's of the same form: bit 0 can, bit 1 does, then the port's number."""
    if len(value) == 5:  # noqa: PLR2004  # status and 32 bits
        parsed.setdefault("switch_port_link_aggregation_enabled", bool(value[0] & 2))
        parsed.setdefault("switch_port_link_aggregation_support", bool(value[0] & 1))
        number = int.from_bytes(value[1:], "big")
        parsed.setdefault("switch_port_link_aggregation_id", number)


def _mac_phy(value: bytes, parsed: Parsed) -> None:
    if len(value) == 5:  # noqa: PLR2004  # status and twice 16 bits
        parsed.setdefault("switch_port_autonegotiation_enabled", bool(value[0] & 2))
        parsed.setdefault("switch_port_autonegotiation_support", bool(value[0] & 1))
        advertised = int.from_bytes(value[1:3], "big")
        parsed.setdefault("switch_port_physical_capabilities", autonegotiation_words(advertised))
        parsed.setdefault("switch_port_mau_type", mau_word(int.from_bytes(value[3:], "big")))


_BASIC: Mapping[int, _Reader] = {
    _CHASSIS: _single("switch_chassis_id", _chassis_id),
    _PORT: _single("switch_port_id", _port_id),
    4: _single("switch_port_description", _text),
    5: _single("switch_system_name", _text),
    6: _single("switch_system_description", _lines),
    7: _capabilities,
    8: _several("switch_mgmt_addresses", _management_address),
}
_ORGANIZATIONS: Mapping[bytes, _Reader] = {
    _DOT1 + b"\x01": _single("switch_port_untagged_vlan_id", _number),
    _DOT1 + b"\x02": _protocol_vlan,
    _DOT1 + b"\x03": _several("switch_port_vlans", _vlan),
    _DOT1 + b"\x04": _several("switch_protocol_identities", _protocol),
    _DOT1 + b"\x06": _single("switch_port_management_vlan_id", _number),
    _DOT1 + b"\x07": _aggregation,
    _DOT3 + b"\x01": _mac_phy,
    _DOT3 + b"\x03": _aggregation,
    _DOT3 + b"\x04": _single("switch_port_mtu", _number),
}
