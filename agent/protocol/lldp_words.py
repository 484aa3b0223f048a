"""Numbers of LLDP's organizationally specific TLVs in words: what a switch port can and does speak.

Sources: IEEE 802.1AB-2016 table 8-4 (capabilities), IANA MAU MIB after RFC 4836 (``IANAifMauAutoNegCapBits``, ``dot3MauType``).
The words are those that Ironic's ``parse-lldp`` hook uses.
"""

_CAPABILITIES = {
    1: "Repeater",
    2: "Bridge",
    3: "WLAN",
    4: "Router",
    5: "Telephone",
    6: "DOCSIS cable device",
    7: "Station only",
    8: "C-Vlan",
    9: "S-Vlan",
    10: "TPMR",
}
"""By bit, bit 0 the lowest."""
_AUTONEGOTIATION = (
    "10BASE-T hdx",
    "10BASE-T fdx",
    "10BASE-T4",
    "100BASE-TX hdx",
    "100BASE-TX fdx",
    "100BASE-T2 hdx",
    "100BASE-T2 fdx",
    "PAUSE fdx",
    "Asym PAUSE fdx",
    "Sym PAUSE fdx",
    "Asym and Sym PAUSE fdx",
    "1000BASE-X hdx",
    "1000BASE-X fdx",
    "1000BASE-T hdx",
    "1000BASE-T fdx",
)
"""From the second highest bit of 16 downward; the highest is ``bOther``."""
_MAU_TYPES = (
    "Unknown",
    "AUI",
    "10BASE-5",
    "FOIRL",
    "10BASE-2",
    "10BASE-T duplex mode unknown",
    "10BASE-FP",
    "10BASE-FB",
    "10BASE-FL duplex mode unknown",
    "10BROAD36",
    "10BASE-T half duplex",
    "10BASE-T full duplex",
    "10BASE-FL half duplex",
    "10BASE-FL full duplex",
    "100 BASE-T4",
    "100BASE-TX half duplex",
    "100BASE-TX full duplex",
    "100BASE-FX half duplex",
    "100BASE-FX full duplex",
    "100BASE-T2 half duplex",
    "100BASE-T2 full duplex",
    "1000BASE-X half duplex",
    "1000BASE-X full duplex",
    "1000BASE-LX half duplex",
    "1000BASE-LX full duplex",
    "1000BASE-SX half duplex",
    "1000BASE-SX full duplex",
    "1000BASE-CX half duplex",
    "1000BASE-CX full duplex",
    "1000BASE-T half duplex",
    "1000BASE-T full duplex",
    "10GBASE-X",
    "10GBASE-LX4",
    "10GBASE-R",
    "10GBASE-ER",
    "10GBASE-LR",
    "10GBASE-SR",
    "10GBASE-W",
    "10GBASE-EW",
    "10GBASE-LW",
    "10GBASE-SW",
    "10GBASE-CX4",
    "2BASE-TL",
    "10PASS-TS",
    "100BASE-BX10D",
    "100BASE-BX10U",
    "100BASE-LX10",
    "1000BASE-BX10D",
    "1000BASE-BX10U",
    "1000BASE-LX10",
    "1000BASE-PX10D",
    "1000BASE-PX10U",
    "1000BASE-PX20D",
    "1000BASE-PX20U",
)
_HIGHEST_CAPABILITY_BIT = 15


def capability_words(bits: int) -> list[str]:
    """Return what a system can do, of the 16 bits of the TLV system capabilities."""
    return [word for bit, word in _CAPABILITIES.items() if bits >> bit & 1]


def autonegotiation_words(bits: int) -> list[str]:
    """Return the modes that a port advertises, sorted, of the 16 bits of the TLV MAC/PHY configuration."""
    places = enumerate(_AUTONEGOTIATION)
    return sorted(
        word for place, word in places if bits >> (_HIGHEST_CAPABILITY_BIT - 1 - place) & 1
    )


def mau_word(number: int) -> str:
    """Return how a port is connected; numbers that RFC 4836 does not know yet are told as numbers."""
    return _MAU_TYPES[number] if number < len(_MAU_TYPES) else f"MAU type {number}"
