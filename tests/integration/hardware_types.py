"""Every hardware type that the controller has, as its API tells them."""

HARDWARE_TYPES = [
    "amt",
    "command",
    "fake-hardware",
    "iboot",
    "idrac",
    "ilo",
    "ipmi",
    "manual-management",
    "redfish",
    "snmp",
    "ssh",
    "wol",
]
