"""Which node a machine is, from all that firmware, loader, ramdisk and DHCP say about it. Pure.

No single sign is certain. A MAC address may be in many machines (the USB network card by which some BMCs talk to their
host), a machine has many cards, and firmware exists that gives every board the same UUID or serial number. So the signs
that can name a node (its own UUID, MAC addresses of ports, the address of its BMC) must not contradict each other, and where
they fit several nodes the others decide between these, the strongest first. What stays ambiguous is nobody's.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_UUID_DIGITS = 32
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
_NO_UUIDS = frozenset({"0" * _UUID_DIGITS, "f" * _UUID_DIGITS, "03000200040005000006000700080009"})
_NO_SERIALS = frozenset(
    {
        "",
        "0",
        "none",
        "unknown",
        "default string",
        "empty",
        "na",
        "n/a",
        "not specified",
        "not available",
        "system serial number",
        "to be filled by o.e.m.",
        "0123456789",
        "123456789",
        "1234567890",
    }
)
"""What boards have in SMBIOS whose maker has filled in nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a machine that asks; ``None`` and empty = it does not say."""

    macs: tuple[str, ...] = ()
    """Of all its cards, in their stored form."""
    boot_mac: str | None = None
    """The card that the loader says it came from."""
    leased_mac: str | None = None
    """The card that this site's DHCP gave the asker's address to."""
    node_uuid: str | None = None
    """The node that the ramdisk says it is on."""
    system_uuid: str | None = None
    """SMBIOS, in either order of bytes."""
    serial: str | None = None
    bmc_addresses: frozenset[str] = frozenset()

    @property
    def all_macs(self) -> frozenset[str]:
        """Return every address that it shows."""
        named = {mac for mac in (self.boot_mac, self.leased_mac) if mac}
        return frozenset(self.macs) | named


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A node, as far as its machine can be recognized by it."""

    uuid: str
    macs: frozenset[str] = frozenset()
    """Of its ports."""
    system_uuid: str | None = None
    serial: str | None = None
    bmc_addresses: frozenset[str] = frozenset()
    is_awaited: bool = False
    """Its machine has been switched on to boot the ramdisk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What came out; ``others`` are nodes that something points at as well."""

    uuid: str | None
    """``None`` = nobody's, or ambiguous if there are ``others``."""
    others: tuple[str, ...] = ()


def recognize(
    evidence: Evidence, candidates: Sequence[Candidate], *, prefer_awaited: bool = False
) -> Match:
    """Say which node the machine is.

    Args:
        evidence: The machine.
        candidates: All nodes that something of it may point at.
        prefer_awaited: Of several that fit equally, take the only one that is waited for. Good enough for what a machine boots;
            never for whose disk is written.
    """
    named = [c for c in candidates if c.uuid == evidence.node_uuid]
    by_mac = [c for c in candidates if c.macs & evidence.all_macs]
    by_bmc = [c for c in candidates if c.bmc_addresses & evidence.bmc_addresses]
    if evidence.node_uuid and not named:
        return _nobody(by_mac, by_bmc)
    signs = [found for found in (named, by_mac, by_bmc) if found]
    if not signs:
        return Match(uuid=None)
    fitting = [c for c in signs[0] if all(c in others for others in signs[1:])]
    for says_so in _decisive(evidence, prefer_awaited=prefer_awaited):
        if len(fitting) > 1:
            fitting = [c for c in fitting if says_so(c)] or fitting
    if len(fitting) != 1:
        return _nobody(*signs)
    (chosen,) = fitting
    return Match(uuid=chosen.uuid, others=_uuids(*signs, without=chosen.uuid))


def same_system_uuid(one: str | None, other: str | None) -> bool:
    """Say whether two UUIDs of firmware are one.

    SMBIOS stores the first three fields with their bytes reversed since version 2.6, and not all firmware and tools agree
    (DSP0134 section 7.2.1). The ones that boards without a UUID have are equal to none.
    """
    first, second = _uuid_digits(one), _uuid_digits(other)
    if first is None or second is None:
        return False
    return first in {second, _reversed_fields(second)}


def real_system_uuid(text: str | None) -> str | None:
    """Return a UUID of firmware in lower case; ``None`` = it is none, or one that boards without a UUID have."""
    return None if _uuid_digits(text) is None else (text or "").strip().lower()


def real_serial(text: str | None) -> str | None:
    """Return a serial number of firmware; ``None`` = there is none, or a placeholder."""
    serial = (text or "").strip()
    return None if serial.lower() in _NO_SERIALS else serial


def _decisive(
    evidence: Evidence, *, prefer_awaited: bool
) -> tuple[Callable[[Candidate], bool], ...]:
    """Return the tests that decide between nodes which all fit, the strongest first."""
    serial = (evidence.serial or "").strip().lower()
    return (
        lambda c: evidence.leased_mac in c.macs,
        lambda c: evidence.boot_mac in c.macs,
        lambda c: same_system_uuid(evidence.system_uuid, c.system_uuid),
        lambda c: serial not in _NO_SERIALS and serial == (c.serial or "").strip().lower(),
        # A machine shows all its cards: a node with a port that it does not have is another one.
        lambda c: c.macs <= evidence.all_macs,
        lambda c: prefer_awaited and c.is_awaited,
    )


def _nobody(*signs: Sequence[Candidate]) -> Match:
    return Match(uuid=None, others=_uuids(*signs))


def _uuids(*signs: Sequence[Candidate], without: str | None = None) -> tuple[str, ...]:
    found = dict.fromkeys(c.uuid for candidates in signs for c in candidates)
    return tuple(uuid for uuid in found if uuid != without)


def _uuid_digits(text: str | None) -> str | None:
    """Return the digits of a UUID that is written with its hyphens or without any, perhaps in braces; ``None`` = it is none, or one of many boards."""
    written = (text or "").strip().lower()
    if written.startswith("{") and written.endswith("}"):
        written = written[1:-1]
    digits = written.replace("-", "")
    is_one = _UUID.fullmatch(written) is not None
    if not is_one or digits in _NO_UUIDS or _reversed_fields(digits) in _NO_UUIDS:
        return None
    return digits


def _reversed_fields(digits: str) -> str:
    raw = bytes.fromhex(digits)
    return (raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]).hex()
