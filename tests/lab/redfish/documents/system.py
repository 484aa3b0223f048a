"""The system: power, boot override, BIOS attributes, Secure Boot, its network cards."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.lab.hardware import BootDevice
from tests.lab.redfish.answers import Document
from tests.lab.redfish.documents.devices import devices_of
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
from tests.lab.redfish.machine_state import BIOS_CHOICES, BIOS_DEFAULTS
from tests.lab.redfish.state import View

RESETS = (
    "On", "ForceOff", "GracefulShutdown", "ForceRestart", "GracefulRestart", "Nmi", "PowerCycle", "PushPowerButton",
)  # fmt: skip
_VNC_CLIENTS = 16
TARGETS: Mapping[str, BootDevice] = MappingProxyType(
    {
        "None": BootDevice.DEFAULT,
        "Pxe": BootDevice.PXE,
        "Hdd": BootDevice.DISK,
        "Cd": BootDevice.CDROM,
        "UefiHttp": BootDevice.HTTP,
        "BiosSetup": BootDevice.SETUP,
    }
)
ENABLED = ("Disabled", "Once", "Continuous")
MODES = ("UEFI", "Legacy")
KEY_RESETS = ("ResetAllKeysToDefault", "DeleteAllKeys", "DeletePK")
INDICATORS = ("Lit", "Blinking", "Off")


def systems(view: View, ids: Ids) -> Document:
    paths = (system_path(one) for one in view.each)
    return collection(f"{ROOT}/Systems", "ComputerSystemCollection", "Systems", paths)


def system(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    facts, path = view.facts, system_path(view)
    document = resource(
        path,
        "ComputerSystem.v1_20_0",
        facts.name,
        SystemType="Physical",
        UUID=facts.uuid,
        Manufacturer="Ingot",
        Model="Lab",
        SerialNumber=facts.name,
        SKU="LAB-1",
        AssetTag=view.own.asset_tag,
        BiosVersion=view.own.firmware["BIOS"],
        PowerState=view.faults.shows_power or ("On" if facts.is_on else "Off"),
        Status={"State": "Enabled", "Health": "OK", "HealthRollup": view.faults.health},
        ProcessorSummary={
            "Count": 1,
            "CoreCount": facts.cpus,
            "LogicalProcessorCount": facts.cpus,
            "Model": "QEMU",
        },
        MemorySummary={"TotalSystemMemoryGiB": facts.memory_mib / 1024, "Status": HEALTHY},
        Boot=boot(view),
        EthernetInterfaces=link(f"{path}/EthernetInterfaces"),
        Storage=link(f"{path}/Storage"),
        LogServices=link(f"{path}/LogServices"),
        Links={"Chassis": links([chassis_path(view)]), "ManagedBy": links([manager_path(view)])},
        Actions=action(path, "ComputerSystem.Reset", ResetType=resets(view)),
    )
    if view.faults.without_logs:
        del document["LogServices"]
    if view.faults.without_optional:
        del document["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"]
        return document
    document |= _optional(view, path)
    if view.faults.shared_manager:
        for name in ("VirtualMedia", "LogServices", "SerialConsole"):
            document.pop(name, None)
    return document


def resets(view: View) -> tuple[str, ...]:
    """Return the resets that it has."""
    return tuple(one for one in RESETS if one not in view.faults.without_resets)


def targets(view: View) -> tuple[str, ...]:
    """Return the boot devices that it has."""
    return tuple(one for one in TARGETS if one not in view.faults.without_targets)


def _optional(view: View, path: str) -> Document:
    """Return the members that a system need not have."""
    return {
        "Bios": link(f"{path}/Bios"),
        "SecureBoot": link(f"{path}/SecureBoot"),
        "VirtualMedia": link(f"{path}/VirtualMedia"),
        "Processors": link(f"{path}/Processors"),
        "PCIeDevices": devices_of(view),
        "IndicatorLED": view.own.indicator,
        "LocationIndicatorActive": view.own.indicator != "Off",
        "SerialConsole": _serial_console(view),
        "GraphicalConsole": graphical_console(view),
    }


def graphical_console(view: View, *, is_of_system: bool = True) -> Document:
    """Return the member ``GraphicalConsole`` (DSP2046, ComputerSystem 1.13, Manager 1.0; that one has no port): VNC is called ``OEM``."""
    port = view.facts.vnc_port
    return {
        "ServiceEnabled": port is not None,
        "MaxConcurrentSessions": 0 if port is None else _VNC_CLIENTS,
        "ConnectTypesSupported": [] if port is None else ["OEM"],
        **({"Port": port} if port is not None and is_of_system else {}),
    }


def _serial_console(view: View) -> Document:
    ways, command = view.faults.console_ways, view.faults.console_command
    if command and len(view.machines) > 1:
        command += f" {view.number + 1}"
    ssh: Document = {
        "ServiceEnabled": "SSH" in ways,
        "Port": 22,
        "SharedWithManagerCLI": bool(command),
    }
    return {
        "MaxConcurrentSessions": 1,
        "IPMI": {"ServiceEnabled": "IPMI" in ways, "Port": 623},
        "SSH": ssh | ({"ConsoleEntryCommand": command} if command else {}),
    }


def boot(view: View) -> Document:
    """Return the member ``Boot``: the override as the machine holds it now."""
    override = view.facts.override
    words = {device: target for target, device in TARGETS.items()}
    document: Document = {
        "BootSourceOverrideTarget": words[override.device] if override else "None",
        "BootSourceOverrideEnabled": ("Continuous" if override.persistent else "Once")
        if override
        else "Disabled",
        "BootSourceOverrideMode": "UEFI"
        if (override.uefi if override else view.facts.uefi)
        else "Legacy",
        "HttpBootUri": override.http_uri if override else None,
    }
    if not view.faults.without_optional:
        document["BootSourceOverrideTarget@Redfish.AllowableValues"] = list(targets(view))
        document["BootSourceOverrideMode@Redfish.AllowableValues"] = list(MODES)
    return document


def bios(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{system_path(view)}/Bios"
    return resource(
        path,
        "Bios.v1_2_1",
        "BIOS Configuration",
        AttributeRegistry="BiosAttributeRegistry.1.0",
        Attributes=dict(view.own.bios),
        ResetBiosToDefaultsPending=_back_to_defaults(view),
        Actions=action(path, "Bios.ResetBios") | action(path, "Bios.ChangePassword"),
        **{
            "@Redfish.Settings": {
                "@odata.type": "#Settings.v1_3_5.Settings",
                "SettingsObject": link(f"{path}/Settings"),
                "SupportedApplyTimes": ["OnReset"],
                **_last_applied(view),
            }
        },
    )


def _last_applied(view: View) -> Document:
    """Return how the last change of settings ended."""
    state = view.own
    if state.bios_applied_at is None:
        return {"Messages": []}
    complaint = {
        "MessageId": "Base.1.18.GeneralError",
        "Message": state.bios_complaint,
        "Severity": "Critical",
    }
    return {
        "Time": state.bios_applied_at,
        "Messages": [complaint] if state.bios_complaint else [],
    }


def bios_settings(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    waiting = view.own.bios_waiting
    return resource(
        f"{system_path(view)}/Bios/Settings",
        "Bios.v1_2_1",
        "BIOS Configuration Pending Settings",
        AttributeRegistry="BiosAttributeRegistry.1.0",
        Attributes=dict(waiting.attributes) if waiting else {},
    )


def bios_registry(view: View, ids: Ids) -> Document:
    """Answer what attributes there are, in the form of AttributeRegistry 1.3 (DSP2046)."""
    check_ids(view, ids)
    attributes = []
    for name, value in BIOS_DEFAULTS.items():
        kind = {str: "String", int: "Integer", bool: "Boolean"}[type(value)]
        entry: Document = {
            "AttributeName": name,
            "DisplayName": name,
            "DefaultValue": value,
            "ReadOnly": False,
            "ResetRequired": True,
            "Type": "Enumeration" if name in BIOS_CHOICES else kind,
        }
        if name in BIOS_CHOICES:
            entry["Value"] = [{"ValueName": v, "ValueDisplayName": v} for v in BIOS_CHOICES[name]]
        attributes.append(entry)
    return resource(
        f"{system_path(view)}/Bios/Registry",
        "AttributeRegistry.v1_3_8",
        "BIOS Attribute Registry",
        Id="BiosAttributeRegistry.1.0.0",
        Language="en",
        OwningEntity="Ingot",
        RegistryVersion="1.0.0",
        RegistryEntries={"Attributes": attributes},
    )


def secure_boot(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path, machine = f"{system_path(view)}/SecureBoot", view.facts.secure_boot
    return resource(
        path,
        "SecureBoot.v1_1_0",
        "UEFI Secure Boot",
        SecureBootEnable=machine.enabled,
        SecureBootCurrentBoot="Enabled" if machine.running else "Disabled",
        SecureBootMode="UserMode" if machine.keys else "SetupMode",
        Actions=action(path, "SecureBoot.ResetKeys", ResetKeysType=KEY_RESETS),
    )


def nics(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{system_path(view)}/EthernetInterfaces"
    count = 0 if view.faults.without_nics else len(view.facts.macs)
    paths = (f"{path}/NIC{number}" for number in range(count))
    return collection(path, "EthernetInterfaceCollection", "Network cards", paths)


def nic(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    mac = found({f"NIC{number}": mac for number, mac in enumerate(view.facts.macs)}, ids["id"])
    return resource(
        f"{system_path(view)}/EthernetInterfaces/{ids['id']}",
        "EthernetInterface.v1_12_0",
        ids["id"],
        MACAddress=mac,
        PermanentMACAddress=mac,
        InterfaceEnabled=True,
        LinkStatus="LinkUp" if view.facts.is_on else "LinkDown",
        SpeedMbps=10_000,
        Status=HEALTHY,
    )


def _back_to_defaults(view: View) -> bool:
    waiting = view.own.bios_waiting
    return waiting is not None and dict(waiting.attributes) == dict(BIOS_DEFAULTS)
