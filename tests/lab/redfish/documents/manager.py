"""The BMC itself: virtual media, network protocols, logs, firmware."""

import datetime as dt
import time

from tests.lab.redfish.answers import Document
from tests.lab.redfish.documents.dell import oem_links
from tests.lab.redfish.documents.names import (
    HEALTHY,
    ROOT,
    Ids,
    action,
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
from tests.lab.redfish.documents.system import graphical_console
from tests.lab.redfish.machine_state import MEDIA
from tests.lab.redfish.state import View

RESETS = ("ForceRestart", "GracefulRestart")
LOGS = ("Log", "SEL")


def managers(view: View, ids: Ids) -> Document:
    paths = dict.fromkeys(manager_path(one) for one in view.each)
    return collection(f"{ROOT}/Managers", "ManagerCollection", "Managers", paths)


def manager(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = manager_path(view)
    return resource(
        path,
        "Manager.v1_19_0",
        "BMC",
        ManagerType="BMC",
        UUID=view.facts.uuid,
        Manufacturer="Ingot",
        Model="Laboratory BMC",
        FirmwareVersion=view.own.firmware["BMC"],
        PowerState="On",
        **_clock(view),
        Status=HEALTHY,
        NetworkProtocol=link(f"{path}/NetworkProtocol"),
        VirtualMedia=link(f"{path}/VirtualMedia"),
        **({} if view.faults.without_logs else {"LogServices": link(f"{path}/LogServices")}),
        SerialConsole={
            "ServiceEnabled": bool(view.faults.console_ways),
            "MaxConcurrentSessions": 1,
            "ConnectTypesSupported": list(view.faults.console_ways),
        },
        GraphicalConsole=graphical_console(view, is_of_system=False),
        CommandShell={
            "ServiceEnabled": False,
            "MaxConcurrentSessions": 0,
            "ConnectTypesSupported": [],
        },
        Links={
            "ManagerForServers": links(system_path(one) for one in _managed(view)),
            "ManagerForChassis": links(chassis_path(one) for one in _managed(view)),
            **oem_links(view),
        },
        Actions=action(path, "Manager.Reset", ResetType=RESETS),
    )


def network_protocol(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    return resource(
        f"{manager_path(view)}/NetworkProtocol",
        "ManagerNetworkProtocol.v1_10_0",
        "Manager Network Protocol",
        HostName=view.facts.name,
        HTTP={"ProtocolEnabled": False, "Port": 80},
        HTTPS={"ProtocolEnabled": True, "Port": 443},
        IPMI={"ProtocolEnabled": True, "Port": 623},
        SSH={"ProtocolEnabled": False, "Port": 22},
        SSDP={"ProtocolEnabled": view.state.is_discoverable},
        Status=HEALTHY,
    )


def media(view: View, ids: Ids) -> Document:
    """Answer the slots, which systems and managers show alike."""
    path = f"{_owner(view, ids)}/VirtualMedia"
    return collection(
        path, "VirtualMediaCollection", "Virtual media", (f"{path}/{slot}" for slot in _slots(view))
    )


def _slots(view: View) -> dict[str, tuple[str, ...]]:
    mixed: dict[str, tuple[str, ...]] = {
        str(n): ("CD", "DVD", "USBStick") for n in range(1, view.faults.mixed_slots + 1)
    }
    return mixed or {
        name: kinds for name, kinds in MEDIA.items() if name not in view.faults.without_drives
    }


def medium(view: View, ids: Ids) -> Document:
    kinds = found(_slots(view), ids["slot"])
    path, inside = (
        f"{_owner(view, ids)}/VirtualMedia/{ids['slot']}",
        view.own.media.get(ids["slot"]),
    )
    is_hidden = view.faults.hides_media
    return resource(
        path,
        "VirtualMedia.v1_6_4",
        f"Virtual {ids['slot']}",
        MediaTypes=list(kinds),
        Inserted=inside is not None,
        Image=inside.url if inside and not is_hidden else None,
        ImageName=inside.url.rsplit("/", 1)[-1] if inside and not is_hidden else None,
        ConnectedVia="URI" if inside else "NotConnected",
        WriteProtected=inside.write_protected if inside else True,
        TransferMethod=inside.transfer_method if inside else None,
        TransferProtocolType=inside.url.split(":")[0].upper() if inside else None,
        UserName=None,
        Password=None,
        Actions={
            **action(
                path,
                "VirtualMedia.InsertMedia",
                TransferProtocolType=("HTTP", "HTTPS"),
                TransferMethod=("Upload", "Stream"),
            ),
            **action(path, "VirtualMedia.EjectMedia"),
        },
    )


def logs(view: View, ids: Ids) -> Document:
    path = f"{_owner(view, ids)}/LogServices"
    name = "Log" if "manager" in ids else "SEL"
    return collection(path, "LogServiceCollection", "Logs", [f"{path}/{name}"])


def log(view: View, ids: Ids) -> Document:
    found(dict.fromkeys(LOGS), ids["log"])
    path = f"{_owner(view, ids)}/LogServices/{ids['log']}"
    return resource(
        path,
        "LogService.v1_5_2",
        ids["log"],
        ServiceEnabled=True,
        MaxNumberOfRecords=200,
        OverWritePolicy="WrapsWhenFull",
        LogEntryType="Event",
        Status=HEALTHY,
        Entries=link(f"{path}/Entries"),
        Actions=action(path, "LogService.ClearLog"),
    )


def log_entries(view: View, ids: Ids) -> Document:
    """Answer the entries themselves, as most services do, not links to them."""
    found(dict.fromkeys(LOGS), ids["log"])
    path = f"{_owner(view, ids)}/LogServices/{ids['log']}/Entries"
    document = collection(path, "LogEntryCollection", "Log entries", ())
    document["Members"] = [
        log_entry(view, {**ids, "id": entry.id}) for entry in reversed(view.own.log)
    ]
    document["Members@odata.count"] = len(view.own.log)
    return document


def log_entry(view: View, ids: Ids) -> Document:
    one = found({entry.id: entry for entry in view.own.log}, ids["id"])
    return resource(
        f"{_owner(view, ids)}/LogServices/{ids['log']}/Entries/{one.id}",
        "LogEntry.v1_16_1",
        f"Log entry {one.id}",
        EntryType="Event",
        Created=one.created,
        Severity=one.severity,
        Message=one.message,
        MessageId="Base.1.18.Success" if one.severity == "OK" else "Base.1.18.GeneralError",
        MessageArgs=[],
    )


def update_service(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/UpdateService"
    protocols = ("TFTP", "SFTP") if view.faults.only_pushed else ("HTTP", "HTTPS")
    return resource(
        path,
        "UpdateService.v1_14_0",
        "Update Service",
        ServiceEnabled=True,
        Status=HEALTHY,
        HttpPushUri=f"{path}/update",
        MultipartHttpPushUri=f"{path}/update-multipart",
        MaxImageSizeBytes=64 << 20,
        FirmwareInventory=link(f"{path}/FirmwareInventory"),
        Actions=action(path, "UpdateService.SimpleUpdate", TransferProtocol=protocols),
    )


def firmware(view: View, ids: Ids) -> Document:
    path = f"{ROOT}/UpdateService/FirmwareInventory"
    return collection(
        path,
        "SoftwareInventoryCollection",
        "Firmware",
        (f"{path}/{name}" for name in firmware_items(view)),
    )


def firmware_item(view: View, ids: Ids) -> Document:
    owner, component = found(firmware_items(view), ids["id"])
    return resource(
        f"{ROOT}/UpdateService/FirmwareInventory/{ids['id']}",
        "SoftwareInventory.v1_10_1",
        ids["id"],
        Version=owner.own.firmware[component],
        Updateable=True,
        SoftwareId=component.lower(),
        Status=HEALTHY,
        RelatedItem=links([_home(owner, component)]),
    )


def firmware_items(view: View) -> dict[str, tuple[View, str]]:
    """Return the inventory's names, for each whose it is and which component."""
    return {
        f"{component}{one.number + 1}" if one.number else component: (one, component)
        for one in view.each
        for component in one.own.firmware
    }


def firmware_home(view: View, path: str) -> View | None:
    """Return whose an update is that has this target: an item of the inventory, or a machine's system or manager."""
    for one in view.each:
        if path in (system_path(one), manager_path(one)):
            return one
    item = path.removeprefix(f"{ROOT}/UpdateService/FirmwareInventory/")
    return firmware_items(view).get(item, (None, ""))[0]


def _home(view: View, component: str) -> str:
    homes = {"BIOS": system_path, "BMC": manager_path}
    return homes.get(component, chassis_path)(view)


def _managed(view: View) -> tuple[View, ...]:
    return view.each if view.faults.shared_manager else (view,)


def _clock(view: View) -> Document:
    """Return the members of the clock, which a manager need not have."""
    if view.faults.without_optional:
        return {}
    now = dt.datetime.fromtimestamp(time.time() + view.own.clock_ahead_s, dt.UTC)
    return {"DateTime": now.isoformat(timespec="seconds"), "DateTimeLocalOffset": "+00:00"}


def _owner(view: View, ids: Ids) -> str:
    check_ids(view, ids)
    return manager_path(view) if "manager" in ids else system_path(view)
