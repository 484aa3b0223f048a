"""The table of all resources: address, document, and what may be done there."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.lab.redfish.answers import Answer, Document
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents import chassis, dell, devices, manager, services, storage, system
from tests.lab.redfish.documents.names import ROOT, Ids
from tests.lab.redfish.orders import dell as dell_orders
from tests.lab.redfish.orders import hardware, media, people
from tests.lab.redfish.orders import system as changes
from tests.lab.redfish.state import View

Order = Callable[[Desk, View, Ids, Document], Answer]
Show = Callable[[View, Ids], Document]
_SYSTEM = "/Systems/{system}"
_MANAGER = "/Managers/{manager}"
_CHASSIS = "/Chassis/{chassis}"
_STORAGE = f"{_SYSTEM}/Storage/{{storage}}"
_VOLUME = f"{_STORAGE}/Volumes/{{id}}"
_BIOS = f"{_SYSTEM}/Bios"
_EVENTS = "/EventService"
_UPDATE = "/UpdateService"
_SESSIONS = "/SessionService/Sessions"
_ACCOUNTS = "/AccountService/Accounts"
_JOBS = f"{_MANAGER}/Oem/Dell/DellJobService"
_CARD = f"{_MANAGER}/Oem/Dell/DelliDRACCardService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One address below /redfish/v1; ``show`` None = an action, which is only posted to."""

    path: str
    show: Show | None = None
    post: Order | None = None
    patch: Order | None = None
    delete: Order | None = None
    optional: bool = False
    """A service may do without it (the fault ``without_optional``)."""
    privilege: str = "ConfigureComponents"
    """What a change needs."""
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        words = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        object.__setattr__(self, "pattern", re.compile(f"{ROOT}{words}/?"))

    def order(self, method: str) -> Order | None:
        return {"POST": self.post, "PATCH": self.patch, "DELETE": self.delete}.get(method)

    @property
    def allowed(self) -> tuple[str, ...]:
        """The methods for the header Allow."""
        shown = ("GET", "HEAD") if self.show else ()
        return (*shown, *(m for m in ("POST", "PATCH", "DELETE") if self.order(m)))


def _act(path: str, name: str, post: Order, *, optional: bool = False) -> Resource:
    privilege = "ConfigureManager" if path == _MANAGER else "ConfigureComponents"
    return Resource(
        path=f"{path}/Actions/{name}", post=post, optional=optional, privilege=privilege
    )


def _media(owner: str, *, optional: bool) -> tuple[Resource, ...]:
    path = f"{owner}/VirtualMedia"
    slot = f"{path}/{{slot}}"
    return (
        Resource(path=path, show=manager.media, optional=optional),
        Resource(path=slot, show=manager.medium, patch=media.change, optional=optional),
        _act(slot, "VirtualMedia.InsertMedia", media.insert, optional=optional),
        _act(slot, "VirtualMedia.EjectMedia", media.eject, optional=optional),
    )


def _logs(owner: str) -> tuple[Resource, ...]:
    path = f"{owner}/LogServices"
    return (
        Resource(path=path, show=manager.logs),
        Resource(path=f"{path}/{{log}}", show=manager.log),
        Resource(path=f"{path}/{{log}}/Entries", show=manager.log_entries),
        Resource(path=f"{path}/{{log}}/Entries/{{id}}", show=manager.log_entry),
        _act(f"{path}/{{log}}", "LogService.ClearLog", changes.clear_log),
    )


_SERVICE = (
    Resource(path="", show=services.root),
    Resource(path="/odata", show=services.odata),
    Resource(
        path="/SessionService",
        show=services.session_service,
        patch=people.change_session_service,
        privilege="ConfigureManager",
    ),
    Resource(path=_SESSIONS, show=services.sessions, post=people.log_in, privilege="Login"),
    Resource(
        path=f"{_SESSIONS}/{{id}}",
        show=services.session,
        delete=people.log_out,
        privilege="ConfigureSelf",
    ),
    Resource(path="/AccountService", show=services.account_service),
    Resource(
        path=_ACCOUNTS,
        show=services.accounts,
        post=people.make_account,
        privilege="ConfigureUsers",
    ),
    Resource(
        path=f"{_ACCOUNTS}/{{id}}",
        show=services.account,
        patch=people.change_account,
        delete=people.remove_account,
        privilege="ConfigureUsers",
    ),
    Resource(path="/AccountService/Roles", show=services.roles),
    Resource(path="/AccountService/Roles/{id}", show=services.role),
    Resource(path="/TaskService", show=services.task_service),
    Resource(path="/TaskService/Tasks", show=services.tasks),
    Resource(path="/TaskService/Tasks/{id}", show=services.task),
    Resource(path="/TaskService/TaskMonitors/{id}", show=services.task),
    Resource(path=_EVENTS, show=services.event_service, optional=True),
    _act(_EVENTS, "EventService.SubmitTestEvent", people.send_test_event, optional=True),
    Resource(
        path=f"{_EVENTS}/Subscriptions",
        show=services.subscriptions,
        post=people.subscribe,
        optional=True,
        privilege="ConfigureManager",
    ),
    Resource(
        path=f"{_EVENTS}/Subscriptions/{{id}}",
        show=services.subscription,
        delete=people.unsubscribe,
        optional=True,
        privilege="ConfigureManager",
    ),
    Resource(path="/Registries", show=services.registries),
    Resource(path="/Registries/{id}", show=services.registry),
    Resource(path=_UPDATE, show=manager.update_service),
    _act(_UPDATE, "UpdateService.SimpleUpdate", hardware.update_from),
    Resource(path=f"{_UPDATE}/FirmwareInventory", show=manager.firmware),
    Resource(path=f"{_UPDATE}/FirmwareInventory/{{id}}", show=manager.firmware_item),
)
_MACHINE = (
    Resource(path="/Systems", show=system.systems),
    Resource(path=_SYSTEM, show=system.system, patch=changes.change_system),
    _act(_SYSTEM, "ComputerSystem.Reset", changes.reset),
    Resource(path=_BIOS, show=system.bios, optional=True),
    Resource(
        path=f"{_BIOS}/Settings",
        show=system.bios_settings,
        patch=changes.change_bios,
        optional=True,
    ),
    Resource(path=f"{_BIOS}/Registry", show=system.bios_registry, optional=True),
    _act(_BIOS, "Bios.ResetBios", changes.reset_bios, optional=True),
    _act(_BIOS, "Bios.ChangePassword", changes.change_bios_password, optional=True),
    Resource(
        path=f"{_SYSTEM}/SecureBoot",
        show=system.secure_boot,
        patch=changes.change_secure_boot,
        optional=True,
    ),
    _act(f"{_SYSTEM}/SecureBoot", "SecureBoot.ResetKeys", changes.reset_keys, optional=True),
    Resource(path=f"{_SYSTEM}/EthernetInterfaces", show=system.nics),
    Resource(path=f"{_SYSTEM}/EthernetInterfaces/{{id}}", show=system.nic),
    Resource(path=f"{_SYSTEM}/Processors", show=devices.processors, optional=True),
    Resource(path=f"{_SYSTEM}/Processors/{{id}}", show=devices.processor, optional=True),
    *_media(_SYSTEM, optional=True),
    *_logs(_SYSTEM),
    Resource(path=f"{_SYSTEM}/Storage", show=storage.storages),
    Resource(path=_STORAGE, show=storage.storage),
    Resource(path=f"{_STORAGE}/Controllers", show=storage.controllers),
    Resource(path=f"{_STORAGE}/Controllers/{{id}}", show=storage.controller),
    Resource(path=f"{_STORAGE}/Drives/{{id}}", show=storage.drive, patch=hardware.change_drive),
    Resource(path=f"{_STORAGE}/Volumes", show=storage.volumes, post=hardware.make_volume),
    Resource(path=_VOLUME, show=storage.volume, delete=hardware.remove_volume),
    _act(_VOLUME, "Volume.Initialize", hardware.initialize_volume),
)
_ADAPTER = f"{_CHASSIS}/NetworkAdapters/{{adapter}}"
_PCI = f"{_CHASSIS}/PCIeDevices"
_DEVICES = tuple(
    Resource(path=path, show=show, optional=True)
    for path, show in (
        (f"{_CHASSIS}/NetworkAdapters", devices.adapters),
        (_ADAPTER, devices.adapter),
        (f"{_ADAPTER}/Ports", devices.ports),
        (f"{_ADAPTER}/Ports/{{id}}", devices.port),
        (f"{_ADAPTER}/NetworkDeviceFunctions", devices.functions),
        (f"{_ADAPTER}/NetworkDeviceFunctions/{{id}}", devices.function),
        (_PCI, devices.pci_devices),
        (f"{_PCI}/{{id}}", devices.pci_device),
        (f"{_PCI}/{{device}}/PCIeFunctions", devices.pci_functions),
        (f"{_PCI}/{{device}}/PCIeFunctions/{{id}}", devices.pci_function),
    )
)
_AROUND = (
    Resource(path="/Managers", show=manager.managers),
    Resource(
        path=_MANAGER,
        show=manager.manager,
        patch=changes.change_manager,
        privilege="ConfigureManager",
    ),
    _act(_MANAGER, "Manager.Reset", changes.reset_manager),
    Resource(path=_JOBS, show=dell.job_service, optional=True),
    _act(_JOBS, "DellJobService.DeleteJobQueue", dell_orders.delete_jobs, optional=True),
    Resource(path=_CARD, show=dell.card_service, optional=True),
    _act(_CARD, "DelliDRACCardService.iDRACReset", dell_orders.restart, optional=True),
    Resource(
        path=f"{_MANAGER}/NetworkProtocol",
        show=manager.network_protocol,
        patch=changes.change_network_protocol,
        privilege="ConfigureManager",
    ),
    *_media(_MANAGER, optional=False),
    *_logs(_MANAGER),
    Resource(path="/Chassis", show=chassis.chassis_collection),
    Resource(path=_CHASSIS, show=chassis.chassis, patch=changes.change_chassis),
    *_DEVICES,
    Resource(path=f"{_CHASSIS}/Thermal", show=chassis.thermal, optional=True),
    Resource(path=f"{_CHASSIS}/Power", show=chassis.power, optional=True),
    Resource(path=f"{_CHASSIS}/Sensors", show=chassis.sensors, optional=True),
    Resource(path=f"{_CHASSIS}/Sensors/{{id}}", show=chassis.sensor, optional=True),
    Resource(path=f"{_CHASSIS}/EnvironmentMetrics", show=chassis.environment, optional=True),
)
RESOURCES = (*_SERVICE, *_MACHINE, *_AROUND)


def find(path: str, *, without_optional: bool = False) -> tuple[Resource, Ids] | None:
    """Return the resource at an address, and the names in it."""
    for resource in RESOURCES:
        if without_optional and resource.optional:
            continue
        if match := resource.pattern.fullmatch(path):
            return resource, match.groupdict()
    return None
