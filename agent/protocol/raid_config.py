"""Ironic's schema of ``target_raid_config``, as far as it can be checked without a machine. Pure.

Source: Ironic ``drivers/raid_config_schema.json``; what a configurator makes of the fields is its own business.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agent.protocol.refusal import Refusal

RAID_LEVELS = ("JBOD", "0", "1", "2", "5", "6", "1+0", "5+0", "6+0")


def _one_of(*choices: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in choices, f"one of {', '.join(choices)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return value == "MAX" or (_is_number(value) and value >= 0)


def _are_disks(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(one, str) for one in value):
        return True
    return len(value) > 1 and all(isinstance(one, Mapping) for one in value)


_TEXT = (lambda value: isinstance(value, str), "text")
_BOOLEAN = (lambda value: isinstance(value, bool), "true or false")


class _Field(NamedTuple):
    is_fine: Callable[[Any], bool]
    wanted: str
    meaning: str


_FIELDS: Mapping[str, _Field] = {
    "raid_level": _Field(
        *_one_of(*RAID_LEVELS),
        f"How the disks are joined: one of {', '.join(RAID_LEVELS)}. Required.",
    ),
    "size_gb": _Field(
        _is_size,
        "a whole number of GiB, or MAX",
        "How large it is, in GiB; MAX takes all that is left. Required.",
    ),
    "volume_name": _Field(*_TEXT, "Its name; one is made up where none is given."),
    "is_root_volume": _Field(
        *_BOOLEAN, "The instance is written to it; at most one logical disk has it. Default false."
    ),
    "share_physical_disks": _Field(
        *_BOOLEAN, "Other logical disks may lie on the same physical disks. Default false."
    ),
    "disk_type": _Field(
        *_one_of("hdd", "ssd"), "Only such physical disks are taken: hdd or ssd. Default: any."
    ),
    "interface_type": _Field(
        *_one_of("sata", "scsi", "sas"),
        "Only physical disks with this interface are taken: sata, scsi or sas. Default: any.",
    ),
    "number_of_physical_disks": _Field(
        lambda value: _is_number(value) and value > 0,
        "a whole number above 0",
        "How many physical disks it takes; default: as few as the RAID level needs.",
    ),
    "controller": _Field(
        *_TEXT, "The RAID controller that makes it, or software; one is chosen where none is given."
    ),
    "physical_disks": _Field(
        _are_disks,
        "a list of names, or of at least two objects of hints",
        "The physical disks that it takes, as the controller names them, or hints by which they are found; wants controller too.",
    ),
}
MEANINGS: Mapping[str, str] = {name: one.meaning for name, one in _FIELDS.items()}
"""What each property of a logical disk is for."""


def check_raid_config(config: Any) -> None:
    """Check a configuration against the schema; an empty object is one, too: no RAID is wanted.

    Raises:
        Refusal: It is malformed; the message names the logical disk and the field.
    """
    if not isinstance(config, Mapping):
        raise Refusal(f"is no object but {config!r:.100}", field="target_raid_config")
    if not config:
        return
    if unknown := sorted(map(str, set(config) - {"logical_disks"})):
        raise Refusal(f"{unknown[0]!r} is unknown; logical_disks is wanted", field="logical_disks")
    disks = config["logical_disks"]
    if not isinstance(disks, list) or not disks:
        raise Refusal(
            f"logical_disks is {disks!r:.100}; give a list of at least one", field="logical_disks"
        )
    for number, disk in enumerate(disks):
        _check(f"logical_disks[{number}]", disk)
    roots = [n for n, disk in enumerate(disks) if disk.get("is_root_volume") is True]
    if len(roots) > 1:
        raise Refusal(
            f"logical_disks {' and '.join(map(str, roots))} both are the root volume",
            field=f"logical_disks[{roots[1]}].is_root_volume",
        )


def _check(place: str, disk: Any) -> None:
    if not isinstance(disk, Mapping):
        raise Refusal(f"{place} is no object but {disk!r:.100}", field=place)
    for name, value in disk.items():
        if name not in _FIELDS:
            known = ", ".join(_FIELDS)
            raise Refusal(f"{place}.{name!s:.100} is unknown; known are {known}", field=place)
        one = _FIELDS[name]
        if not one.is_fine(value):
            raise Refusal(
                f"{place}.{name} is {value!r:.100}; give {one.wanted}", field=f"{place}.{name}"
            )
    for name in ("raid_level", "size_gb"):
        if name not in disk:
            raise Refusal(f"{place}.{name} is missing", field=f"{place}.{name}")
    if "physical_disks" in disk and "controller" not in disk:
        raise Refusal(f"{place}.physical_disks wants a controller too", field=f"{place}.controller")
