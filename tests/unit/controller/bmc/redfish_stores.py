"""Storages of a Redfish service as values, and the orders that are planned for them."""

from collections.abc import Mapping
from typing import Any

from agent.protocol.raid.placing import PhysicalDrive
from controller.bmc.redfish_raid_guard import Guard
from controller.bmc.redfish_raid_plan import Action, Wishes, plan_creation
from controller.bmc.redfish_storage import RAID_TYPES, Store, Volume

GB = 1 << 30
NOTHING = Guard({})


def drive(number: int, size_gb: int = 100, **facts: Any) -> PhysicalDrive:
    return PhysicalDrive(
        **{
            "ident": f"D{number}",
            "size_bytes": size_gb * GB,
            "is_rotational": False,
            "interface": "sas",
            "serial": f"S{number}",
            **facts,
        }
    )


def store(*drives: PhysicalDrive, name: str = "RAID.1", **facts: Any) -> Store:
    path = f"/redfish/v1/Systems/1/Storage/{name}"
    return Store(
        **{
            "name": name,
            "path": path,
            "drives": drives,
            "paths": {one.ident: f"{path}/Drives/{one.ident}" for one in drives},
            "levels": tuple(RAID_TYPES),
            "collection": f"{path}/Volumes",
            "volumes": (),
            "apply_times": ("Immediate", "OnReset"),
            "rotates": {f"{path}/Drives/{one.ident}": one.is_rotational for one in drives},
            **facts,
        }
    )


def volume(of: Store, ident: str, *drives: str, **facts: Any) -> Volume:
    return Volume(
        **{
            "path": f"{of.collection}/{ident}",
            "name": f"volume {ident}",
            "said": "RAID1",
            "level": "1",
            "is_raid": True,
            "size_bytes": 100 * GB,
            "drives": tuple(of.paths[one] for one in drives),
            **facts,
        }
    )


FOUR = store(*(drive(number) for number in range(4)))


def disk(level: str, size: int | str = "MAX", **fields: Any) -> dict[str, Any]:
    return {"raid_level": level, "size_gb": size, **fields}


def plan(
    *disks: Mapping[str, Any],
    stores: tuple[Store, ...] = (FOUR,),
    guard: Guard = NOTHING,
    **choices: bool,
) -> tuple[Action, ...]:
    wishes = Wishes(config={"logical_disks": list(disks)}, where="target_raid_config", **choices)
    return plan_creation(wishes, stores, guard)


def names(action: Action) -> list[str]:
    return [path.rsplit("/", 1)[-1] for path in action.drives]
