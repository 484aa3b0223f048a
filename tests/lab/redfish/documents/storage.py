"""Storage of the system: one controller, the machine's disks as drives, volumes as values."""

from tests.lab.redfish.answers import Document
from tests.lab.redfish.documents.names import (
    HEALTHY,
    Ids,
    action,
    check_ids,
    collection,
    found,
    link,
    links,
    missing,
    resource,
    system_path,
)
from tests.lab.redfish.state import View

RAID_TYPES = ("RAID0", "RAID1", "RAID5", "RAID10")
OLD_TYPES = {
    "NonRedundant": "RAID0",
    "Mirrored": "RAID1",
    "StripedWithParity": "RAID5",
    "SpannedMirrors": "RAID10",
}
"""``VolumeType`` of the schema's older versions, and what it is called since."""
CONTROLLER = "RAID.1"


def storage_path(view: View) -> str:
    return f"{system_path(view)}/Storage/{CONTROLLER}"


def storages(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    return collection(
        f"{system_path(view)}/Storage", "StorageCollection", "Storage", [storage_path(view)]
    )


def storage(view: View, ids: Ids) -> Document:
    _check(view, ids)
    path = storage_path(view)
    return resource(
        path,
        "Storage.v1_15_1",
        "RAID controller",
        Status=HEALTHY,
        Drives=links(f"{path}/Drives/{number}" for number in range(len(view.facts.drives))),
        Volumes=link(f"{path}/Volumes"),
        Controllers=link(f"{path}/Controllers"),
        StorageControllers=[
            {
                "@odata.id": f"{path}#/StorageControllers/0",
                "MemberId": "0",
                "Name": "RAID controller",
                "Model": "Lab RAID",
                "FirmwareVersion": "1.0",
                "SupportedControllerProtocols": ["PCIe"],
                "SupportedDeviceProtocols": ["SATA", "SAS", "NVMe"],
                **_makes(view),
                "SpeedGbps": 12,
                "Status": HEALTHY,
            }
        ],
    )


def controllers(view: View, ids: Ids) -> Document:
    _check(view, ids)
    path = f"{storage_path(view)}/Controllers"
    return collection(path, "StorageControllerCollection", "Controllers", [f"{path}/0"])


def controller(view: View, ids: Ids) -> Document:
    _check(view, ids)
    if ids["id"] != "0":
        raise missing(ids["id"])
    return resource(
        f"{storage_path(view)}/Controllers/0",
        "StorageController.v1_7_2",
        "RAID controller",
        Model="Lab RAID",
        FirmwareVersion="1.0",
        SupportedControllerProtocols=["PCIe"],
        SupportedDeviceProtocols=["SATA", "SAS", "NVMe"],
        Status=HEALTHY,
        **_makes(view),
    )


def drive(view: View, ids: Ids) -> Document:
    _check(view, ids)
    one = found({str(n): one for n, one in enumerate(view.facts.drives)}, ids["id"])
    path = f"{storage_path(view)}/Drives/{ids['id']}"
    return resource(
        path,
        "Drive.v1_17_0",
        f"Drive {ids['id']}",
        CapacityBytes=one.size_bytes,
        Protocol=one.protocol,
        MediaType="SSD",
        SerialNumber=one.serial,
        Manufacturer="QEMU",
        Model="Lab disk",
        LocationIndicatorActive=path in view.own.lit_drives,
        Status=HEALTHY,
        Links={
            "Volumes": links(
                f"{storage_path(view)}/Volumes/{volume.id}"
                for volume in view.own.volumes
                if path in volume.drives
            )
        },
    )


def volumes(view: View, ids: Ids) -> Document:
    _check(view, ids)
    path = f"{storage_path(view)}/Volumes"
    paths = (f"{path}/{volume.id}" for volume in view.own.volumes)
    times = ["OnReset"] if view.faults.volumes_at_start else ["Immediate"]
    return collection(path, "VolumeCollection", "Volumes", paths) | {
        "@Redfish.OperationApplyTimeSupport": {
            "@odata.type": "#Settings.v1_3_5.OperationApplyTimeSupport",
            "SupportedValues": times,
        }
    }


def volume(view: View, ids: Ids) -> Document:
    _check(view, ids)
    one = found({volume.id: volume for volume in view.own.volumes}, ids["id"])
    path = f"{storage_path(view)}/Volumes/{one.id}"
    return resource(
        path,
        "Volume.v1_9_0",
        one.name,
        CapacityBytes=one.capacity_bytes,
        Encrypted=False,
        Identifiers=[{"DurableNameFormat": "NAA", "DurableName": f"600508B1001C{one.id:0>20}"}],
        **_kind(view, one.raid_type),
        Status=HEALTHY,
        Links={"Drives": links(one.drives)},
        Actions=action(path, "Volume.Initialize", InitializeType=("Fast", "Slow")),
    )


def _makes(view: View) -> Document:
    return {} if view.faults.old_volumes else {"SupportedRAIDTypes": list(RAID_TYPES)}


def _kind(view: View, raid_type: str) -> Document:
    if not view.faults.old_volumes:
        return {"RAIDType": raid_type}
    return {"VolumeType": next(old for old, new in OLD_TYPES.items() if new == raid_type)}


def _check(view: View, ids: Ids) -> None:
    check_ids(view, ids)
    if ids["storage"] != CONTROLLER:
        raise missing(ids["storage"])
