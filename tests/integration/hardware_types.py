"""Every hardware type that the controller has, as its API tells them."""

HARDWARE_TYPES = [
    "amt",
    "command",
    "fake-hardware",
    "iboot",
    "idrac",
    "ilo",
    "intel-ipmi",
    "ipmi",
    "manual-management",
    "redfish",
    "snmp",
    "ssh",
    "wol",
]
