"""Which configurator makes which logical disk: the one that knows its ``controller``. Pure.

Ironic's schema leaves ``controller`` optional, "the driver will choose a suitable RAID controller". The only RAID controller of the machine is taken; ``software`` has
to be said: every machine has it, and arrays of md where a RAID controller was meant would be a surprise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.errors import InvalidRequest
from agent.hardware.raiding import SOFTWARE
from hardware_managers.generic.raid_answers import Answers

_Disk = Mapping[str, Any]


def shared_out(
    wanted: Sequence[_Disk], answers: Answers[tuple[str, ...]]
) -> Mapping[str, Sequence[_Disk]]:
    """Return the logical disks by the name of who makes them, each with its ``controller``.

    Args:
        wanted: Logical disks that follow Ironic's schema.
        answers: The controllers by the name of who knows them, best rank first.

    Raises:
        InvalidRequest: One names no controller of this machine, or none where there is not exactly one.
    """
    makers = {
        name: maker for maker, names in reversed(list(answers.given.items())) for name in names
    }
    shares: dict[str, list[_Disk]] = {}
    for number, disk in enumerate(wanted):
        place = f"logical_disks[{number}].controller"
        controller = disk.get("controller")
        if controller is None:
            controller = _only(place, makers, answers)
        if controller not in makers:
            raise InvalidRequest(
                f"{place}: {controller!r:.100} is not there; {_there(makers, answers)}"
            )
        shares.setdefault(makers[controller], []).append({**disk, "controller": controller})
    return shares


def _only(place: str, makers: Mapping[str, str], answers: Answers[tuple[str, ...]]) -> str:
    choices = sorted(set(makers) - {SOFTWARE})
    if len(choices) == 1 and not answers.silent:
        return choices[0]
    if len(choices) > 1:
        why = "missing, and the machine has several RAID controllers; name one"
    elif choices:
        why = "missing, and it is not known whether the machine has one RAID controller or more"
    else:
        why = f"missing, and no RAID controller was found; name one, or {SOFTWARE!r} for software RAID"
    raise InvalidRequest(f"{place}: {why}; {_there(makers, answers)}")


def _there(makers: Mapping[str, str], answers: Answers[tuple[str, ...]]) -> str:
    there = ", ".join(sorted(makers)) or "none"
    also = f"; {answers.silence()}" if answers.silent else ""
    return f"this machine has: {there} (RAID controllers count if the ramdisk has their vendor's program){also}"
