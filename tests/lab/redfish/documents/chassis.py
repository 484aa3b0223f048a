"""The chassis: sensors in the old form (Thermal, Power) and in the new one (Sensors, EnvironmentMetrics)."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.lab.redfish.answers import Document
from tests.lab.redfish.documents.names import (
    HEALTHY,
    ROOT,
    Ids,
    chassis_path,
    check_ids,
    collection,
    found,
    link,
    links,
    manager_path,
    resource,
    system_path,
)
from tests.lab.redfish.state import View

_SENSORS: Mapping[str, tuple[str, str, float, float]] = MappingProxyType(
    {
        "Inlet": ("Temperature", "Cel", 22, 21),
        "CPU1": ("Temperature", "Cel", 48, 25),
        "Fan1": ("Rotational", "RPM", 5400, 0),
        "Fan2": ("Rotational", "RPM", 5460, 0),
        "PowerDraw": ("Power", "W", 180, 12),
    }
)
"""Name to kind, unit (UCUM), reading while on, reading while off."""


def chassis_collection(view: View, ids: Ids) -> Document:
    paths = (chassis_path(one) for one in view.each)
    return collection(f"{ROOT}/Chassis", "ChassisCollection", "Chassis", paths)


def chassis(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = chassis_path(view)
    document = resource(
        path,
        "Chassis.v1_25_0",
        "Case",
        ChassisType="RackMount",
        Manufacturer="Ingot",
        Model="Lab",
        SerialNumber=view.facts.name,
        PowerState="On" if view.facts.is_on else "Off",
        Status=HEALTHY,
        Links={
            "ComputerSystems": links([system_path(view)]),
            "ManagedBy": links([manager_path(view)]),
        },
    )
    if view.faults.without_optional:
        return document
    return document | {
        "IndicatorLED": view.own.indicator,
        "LocationIndicatorActive": view.own.indicator != "Off",
        **{
            part: link(f"{path}/{part}")
            for part in (
                *("Thermal", "Power", "Sensors", "EnvironmentMetrics"),
                *("NetworkAdapters", "PCIeDevices"),
            )
        },
    }


def thermal(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{chassis_path(view)}/Thermal"
    return resource(
        path,
        "Thermal.v1_7_1",
        "Thermal",
        Temperatures=[
            {
                "@odata.id": f"{path}#/Temperatures/{number}",
                "MemberId": str(number),
                "Name": name,
                "ReadingCelsius": _reading(view, name),
                "UpperThresholdCritical": 95,
                "Status": HEALTHY,
            }
            for number, name in enumerate(("Inlet", "CPU1"))
        ],
        Fans=[
            {
                "@odata.id": f"{path}#/Fans/{number}",
                "MemberId": str(number),
                "Name": name,
                "Reading": int(_reading(view, name)),
                "ReadingUnits": "RPM",
                "Status": HEALTHY,
            }
            for number, name in enumerate(("Fan1", "Fan2"))
        ],
    )


def power(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{chassis_path(view)}/Power"
    return resource(
        path,
        "Power.v1_7_2",
        "Power",
        PowerControl=[
            {
                "@odata.id": f"{path}#/PowerControl/0",
                "MemberId": "0",
                "Name": "System power",
                "PowerConsumedWatts": _reading(view, "PowerDraw"),
                "PowerCapacityWatts": 750,
            }
        ],
        PowerSupplies=[
            {
                "@odata.id": f"{path}#/PowerSupplies/0",
                "MemberId": "0",
                "Name": "PSU1",
                "PowerSupplyType": "AC",
                "PowerCapacityWatts": 750,
                "LastPowerOutputWatts": _reading(view, "PowerDraw"),
                "LineInputVoltage": 230,
                "Status": HEALTHY,
            }
        ],
    )


def sensors(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{chassis_path(view)}/Sensors"
    return collection(path, "SensorCollection", "Sensors", (f"{path}/{name}" for name in _SENSORS))


def sensor(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    kind, unit, _, _ = found(dict(_SENSORS), ids["id"])
    return resource(
        f"{chassis_path(view)}/Sensors/{ids['id']}",
        "Sensor.v1_9_0",
        ids["id"],
        ReadingType=kind,
        Reading=_reading(view, ids["id"]),
        ReadingUnits=unit,
        Status=HEALTHY,
    )


def environment(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = chassis_path(view)
    return resource(
        f"{path}/EnvironmentMetrics",
        "EnvironmentMetrics.v1_3_1",
        "Environment",
        TemperatureCelsius={
            "DataSourceUri": f"{path}/Sensors/Inlet",
            "Reading": _reading(view, "Inlet"),
        },
        PowerWatts={
            "DataSourceUri": f"{path}/Sensors/PowerDraw",
            "Reading": _reading(view, "PowerDraw"),
        },
    )


def _reading(view: View, name: str) -> float:
    _, _, on, off = _SENSORS[name]
    return on if view.facts.is_on else off
