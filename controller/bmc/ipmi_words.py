"""The names of IPMI's sensor types, entities and units, as ``ipmitool`` prints them: what Ironic's sensor data is made of.

Numbers are those of "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: tables 42-3
(sensor types), 43-13 (entities), 43-15 (units).
"""

SENSOR_TYPES = (
    "reserved",
    "Temperature",
    "Voltage",
    "Current",
    "Fan",
    "Physical Security",
    "Platform Security",
    "Processor",
    "Power Supply",
    "Power Unit",
    "Cooling Device",
    "Other",
    "Memory",
    "Drive Slot / Bay",
    "POST Memory Resize",
    "System Firmwares",
    "Event Logging Disabled",
    "Watchdog1",
    "System Event",
    "Critical Interrupt",
    "Button",
    "Module / Board",
    "Microcontroller",
    "Add-in Card",
    "Chassis",
    "Chip Set",
    "Other FRU",
    "Cable / Interconnect",
    "Terminator",
    "System Boot Initiated",
    "Boot Error",
    "OS Boot",
    "OS Critical Stop",
    "Slot / Connector",
    "System ACPI Power State",
    "Watchdog2",
    "Platform Alert",
    "Entity Presence",
    "Monitor ASIC",
    "LAN",
    "Management Subsys Health",
    "Battery",
    "Session Audit",
    "Version Change",
    "FRU State",
)
"""By number."""
ENTITIES = (
    "Unspecified",
    "Other",
    "Unknown",
    "Processor",
    "Disk or Disk Bay",
    "Peripheral Bay",
    "System Management Module",
    "System Board",
    "Memory Module",
    "Processor Module",
    "Power Supply",
    "Add-in Card",
    "Front Panel Board",
    "Back Panel Board",
    "Power System Board",
    "Drive Backplane",
    "System Internal Expansion Board",
    "Other System Board",
    "Processor Board",
    "Power Unit",
    "Power Module",
    "Power Management",
    "Chassis Back Panel Board",
    "System Chassis",
    "Sub-Chassis",
    "Other Chassis Board",
    "Disk Drive Bay",
    "Peripheral Bay",
    "Device Bay",
    "Fan Device",
    "Cooling Unit",
    "Cable/Interconnect",
    "Memory Device",
    "System Management Software",
    "BIOS",
    "Operating System",
    "System Bus",
    "Group",
    "Remote Management Device",
    "External Environment",
    "Battery",
    "Processing Blade",
    "Connectivity Switch",
    "Processor/Memory Module",
    "I/O Module",
    "Processor/IO Module",
    "Management Controller Firmware",
    "IPMI Channel",
    "PCI Bus",
    "PCI Express Bus",
    "SCSI Bus (parallel)",
    "SATA/SAS Bus",
    "Processor/Front-Side Bus",
    "Real Time Clock(RTC)",
    "Reserved",
    "Air Inlet",
)
"""By number."""
_FIRST_OEM_TYPE = 0xC0
_MORE_ENTITIES = {64: "Air Inlet", 65: "Processor", 66: "Baseboard/Main System Board"}
UNITS = (
    *("unspecified", "degrees C", "degrees F", "degrees K", "Volts", "Amps", "Watts", "Joules"),
    *("Coulombs", "VA", "Nits", "lumen", "lux", "Candela", "kPa", "PSI", "Newton", "CFM", "RPM"),
    *("Hz", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "mil"),
    *("inches", "feet", "cu in", "cu feet", "mm", "cm", "m", "cu cm", "cu m", "liters"),
    *("fluid ounce", "radians", "steradians", "revolutions", "cycles", "gravities", "ounce"),
    *("pound", "ft-lb", "oz-in", "gauss", "gilberts", "henry", "millihenry", "farad"),
    *("microfarad", "ohms", "siemens", "mole", "becquerel", "PPM", "reserved", "Decibels"),
    *("DbA", "DbC", "gray", "sievert", "color temp deg K", "bit", "kilobit", "megabit"),
    *("gigabit", "byte", "kilobyte", "megabyte", "gigabyte", "word", "dword", "qword", "line"),
    *("hit", "miss", "retry", "reset", "overflow", "underrun", "collision", "packets"),
    *("messages", "characters", "error", "correctable error", "uncorrectable error"),
    *("fatal error", "grams"),
)
"""By number."""


def sensor_type(number: int) -> str:
    """Return the name of a sensor type."""
    if number < len(SENSOR_TYPES):
        return SENSOR_TYPES[number]
    return "OEM reserved" if number >= _FIRST_OEM_TYPE else "Unknown"


def entity(number: int) -> str:
    """Return the name of an entity, the part of the machine that a sensor is at."""
    return ENTITIES[number] if number < len(ENTITIES) else _MORE_ENTITIES.get(number, "Unknown")


def unit(number: int) -> str:
    """Return the name of a unit."""
    return UNITS[number] if number < len(UNITS) else "unspecified"
