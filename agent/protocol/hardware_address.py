"""MAC addresses in every form in which people, firmware, loaders, kernels and DHCP servers write them. Pure.

An InfiniBand card has three names: 20 octets in the kernel (RFC 4391), whose last 8 are the GUID that its firmware uses, and
the 6 octets of a port, which are the GUID without its two middle octets (Ironic's agent and iPXE make them so, too).
"""

import re

_PAIRS = re.compile(r"[0-9a-f]{2}(?:(?P<mark>[:-]?)[0-9a-f]{2}(?:(?P=mark)[0-9a-f]{2})+)")
_DOTTED = re.compile(r"[0-9a-f]{4}(?:\.[0-9a-f]{4})+")
_HARDWARE_TYPE = re.compile(r"[0-9a-f]{2}-(?P<address>.+)")
_MARKS = str.maketrans("", "", ":-.")
_MAC_DIGITS, _GUID_DIGITS, _INFINIBAND_DIGITS = 12, 16, 40
_LONGEST = 64
INFINIBAND_CLIENT_ID = "ff:00:00:00:00:00:02:00:00:02:c9:00"
"""What stands before the GUID in the DHCP client identifier of an InfiniBand card (as in Ironic's agent)."""


def normal_mac(text: str) -> str | None:
    """Return a MAC address in lower case with colons; ``None`` when ``text`` is none.

    Args:
        text: Pairs of digits with colons, dashes or nothing between them, or groups of four with dots; 6 octets, or the 8 or 20
            of an InfiniBand card.
    """
    digits = _digits(text)
    if digits is None:
        return None
    if len(digits) == _INFINIBAND_DIGITS:
        digits = digits[-_GUID_DIGITS:]
    if len(digits) == _GUID_DIGITS:
        digits = digits[:6] + digits[10:]
    return _with_colons(digits) if len(digits) == _MAC_DIGITS else None


def mac_of_bootif(text: str) -> str | None:
    """Return the MAC address in ``BOOTIF`` or in a line of dnsmasq's log; ``None`` = there is none in it.

    PXELINUX writes ``01-52-54-00-12-34-56`` (ARP's hardware type first: 01 Ethernet, 20 InfiniBand), dnsmasq ``20-00:02:c9:..``,
    iPXE's ``${mac}`` plain colons.
    """
    if (mac := normal_mac(text)) is not None:
        return mac
    typed = _HARDWARE_TYPE.fullmatch(text.strip().lower()[:_LONGEST])
    return normal_mac(typed["address"]) if typed else None


def infiniband_client_id(address: str) -> str | None:
    """Return the DHCP client identifier of the card with this kernel address; ``None`` = it is no InfiniBand card."""
    digits = _digits(address)
    if digits is None or len(digits) != _INFINIBAND_DIGITS:
        return None
    return f"{INFINIBAND_CLIENT_ID}:{_with_colons(digits[-_GUID_DIGITS:])}"


def _digits(text: str) -> str | None:
    lower = text.strip().lower()
    if len(lower) > _LONGEST or not (_PAIRS.fullmatch(lower) or _DOTTED.fullmatch(lower)):
        return None
    return lower.translate(_MARKS)


def _with_colons(digits: str) -> str:
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))
