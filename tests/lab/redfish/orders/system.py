"""Changes of the system: resets, boot override, BIOS attributes, Secure Boot, lamp."""

import datetime as dt
import time
from dataclasses import asdict

from tests.lab.hardware import BootDevice, BootOverride
from tests.lab.redfish.answers import NO_CONTENT, Answer, Document, RefusedError
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents import manager, system
from tests.lab.redfish.documents.names import Ids, check_ids
from tests.lab.redfish.machine_state import BIOS_CHOICES, BIOS_DEFAULTS, Waiting
from tests.lab.redfish.orders.bodies import check_listed, check_type, parameter, writable_part
from tests.lab.redfish.state import View


def reset(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Carry out ComputerSystem.Reset; 409 where the machine's state does not allow it."""
    check_ids(view, ids)
    kind = parameter(body, "ResetType", str, among=system.resets(view)) or "On"
    is_on = desk.is_on(view.number)
    if kind in {"GracefulShutdown", "GracefulRestart", "Nmi", "PowerCycle"} and not is_on:
        raise RefusedError(409, "ResourceInUse")
    if desk.faults.refuses_needless and kind == ("On" if is_on else "ForceOff"):
        raise RefusedError(409, "ResourceInUse")
    match kind:
        case "ForceOff":
            desk.ask("power off", view.number)
        case "GracefulShutdown":
            desk.ask("soft off", view.number)
        case "Nmi":
            desk.ask("interrupt", view.number)
        case "PushPowerButton" if is_on:
            desk.ask("soft off", view.number)
        case "ForceRestart" | "GracefulRestart" if is_on:
            desk.ask("reset", view.number)
        case "PowerCycle":
            desk.ask("power off", view.number)
            _power_on(desk, view)
        case _:
            _power_on(desk, view)
    desk.note(f"ComputerSystem.Reset {kind}", view.number)
    return desk.begin_task(f"Reset {kind}") if desk.faults.tasks else NO_CONTENT


def _power_on(desk: Desk, view: View) -> None:
    if not desk.faults.stays_off:
        desk.ask("power on", view.number)


def change_system(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Change the boot override, the asset tag or the lamp; answers with the system as it is then."""
    document = system.system(view, ids)
    check_ids(view, ids)
    writable: dict[str, type] = {"Boot": dict, "AssetTag": str}
    if not view.faults.without_optional:
        writable |= {"IndicatorLED": str, "LocationIndicatorActive": bool}
    wanted, notes = writable_part(body, writable, document)
    _change_lamp(desk, view, wanted)
    if "AssetTag" in wanted:
        desk.change_own(view.number, asset_tag=wanted["AssetTag"])
    if "Boot" in wanted:
        override = _override(view, wanted["Boot"])
        if not desk.faults.forgets_boot_device:
            desk.ask("set override", view.number, override=override and asdict(override))
    return Answer(body=system.system(desk.view(view.number), ids) | notes)


def change_chassis(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Change the chassis' lamp, which is the system's too."""
    check_ids(view, ids)
    writable: dict[str, type] = {"IndicatorLED": str, "LocationIndicatorActive": bool}
    wanted, _ = writable_part(body, writable, {"Name": ""})
    _change_lamp(desk, view, wanted)
    return NO_CONTENT


def _change_lamp(desk: Desk, view: View, wanted: Document) -> None:
    if "IndicatorLED" in wanted:
        check_listed("IndicatorLED", wanted["IndicatorLED"], system.INDICATORS)
        desk.change_own(view.number, indicator=wanted["IndicatorLED"])
    if "LocationIndicatorActive" in wanted:
        desk.change_own(
            view.number, indicator="Blinking" if wanted["LocationIndicatorActive"] else "Off"
        )


def _override(view: View, wanted: Document) -> BootOverride | None:
    """Return the override after a change of some of its properties; None = the firmware's own order."""
    now = {
        name: value
        for name, value in system.boot(view).items()
        if not name.endswith("AllowableValues")
    }
    for name in wanted:
        if name not in now:
            raise RefusedError(400, "PropertyUnknown", name, related=f"Boot/{name}")
    now |= wanted
    check_listed("BootSourceOverrideTarget", now["BootSourceOverrideTarget"], system.targets(view))
    check_listed("BootSourceOverrideEnabled", now["BootSourceOverrideEnabled"], system.ENABLED)
    check_listed("BootSourceOverrideMode", now["BootSourceOverrideMode"], system.MODES)
    device = system.TARGETS[now["BootSourceOverrideTarget"]]
    uri = now["HttpBootUri"] or None
    if uri is not None:
        check_type("HttpBootUri", uri, str)
    if now["BootSourceOverrideEnabled"] == "Disabled" or device is BootDevice.DEFAULT:
        return None
    if device is BootDevice.HTTP and now["BootSourceOverrideMode"] != "UEFI":
        raise RefusedError(
            400, "PropertyValueNotInList", "UefiHttp", "BootSourceOverrideTarget", related="Boot"
        )
    return BootOverride(
        device=device,
        persistent=now["BootSourceOverrideEnabled"] == "Continuous",
        uefi=now["BootSourceOverrideMode"] == "UEFI",
        http_uri=uri if device is BootDevice.HTTP else None,
    )


def change_bios(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Take BIOS attributes for the next start."""
    wanted, _ = writable_part(body, {"Attributes": dict}, system.bios_settings(view, ids))
    for name, value in wanted["Attributes"].items():
        if name not in BIOS_DEFAULTS:
            raise RefusedError(400, "PropertyUnknown", name, related=f"Attributes/{name}")
        check_type(name, value, type(BIOS_DEFAULTS[name]))
        if name in BIOS_CHOICES:
            check_listed(name, value, BIOS_CHOICES[name])
    waiting = dict(view.own.bios_waiting.attributes) if view.own.bios_waiting else {}
    attributes = waiting | wanted["Attributes"]
    desk.change_own(
        view.number, bios_waiting=Waiting(attributes=attributes, boots=view.facts.boots)
    )
    return Answer(body=system.bios_settings(desk.view(view.number), ids))


def reset_bios(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Have the next start take the defaults."""
    check_ids(view, ids)
    desk.change_own(
        view.number, bios_waiting=Waiting(attributes=dict(BIOS_DEFAULTS), boots=view.facts.boots)
    )
    return NO_CONTENT


def change_bios_password(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Accept a password and forget it."""
    check_ids(view, ids)
    for name in ("PasswordName", "OldPassword", "NewPassword"):
        parameter(body, name, str, required=True)
    return NO_CONTENT


def change_secure_boot(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Turn Secure Boot on or off from the next power-on; impossible without keys and on a BIOS machine."""
    wanted, notes = writable_part(body, {"SecureBootEnable": bool}, system.secure_boot(view, ids))
    machine = view.facts.secure_boot
    enabled = wanted["SecureBootEnable"]
    if enabled and not (machine.possible and machine.keys):
        raise RefusedError(409, "ResourceInUse")
    desk.ask("set secure boot", view.number, enabled=enabled, keys=machine.keys)
    return Answer(body=system.secure_boot(desk.view(view.number), ids) | notes)


def reset_keys(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Enrol the factory's keys, or take all away, which turns Secure Boot off."""
    check_ids(view, ids)
    kind = parameter(body, "ResetKeysType", str, required=True, among=system.KEY_RESETS)
    keys = kind == "ResetAllKeysToDefault"
    if not view.facts.secure_boot.possible:
        raise RefusedError(409, "ResourceInUse")
    desk.ask(
        "set secure boot", view.number, enabled=keys and view.facts.secure_boot.enabled, keys=keys
    )
    return NO_CONTENT


def clear_log(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Empty the log."""
    check_ids(view, ids)
    desk.change_own(view.number, log=())
    return NO_CONTENT


def change_manager(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Set the BMC's clock."""
    wanted, notes = writable_part(
        body, {"DateTime": str, "DateTimeLocalOffset": str}, manager.manager(view, ids)
    )
    if "DateTime" in wanted:
        try:
            told = dt.datetime.fromisoformat(wanted["DateTime"])
        except ValueError:
            raise RefusedError(
                400, "PropertyValueTypeError", wanted["DateTime"], "DateTime", related="DateTime"
            ) from None
        if not desk.faults.keeps_time:
            desk.change_own(view.number, clock_ahead_s=told.timestamp() - time.time())
    return Answer(body=manager.manager(desk.view(view.number), ids) | notes)


def reset_manager(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Restart the BMC: sessions are gone, and by a fault it is silent for a while."""
    check_ids(view, ids)
    parameter(body, "ResetType", str, among=("ForceRestart", "GracefulRestart"))
    desk.restart(silent_s=desk.faults.silent_after_update_s)
    return NO_CONTENT


def change_network_protocol(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Switch the answers to searches in the network on or off; the rest is as it is."""
    document = manager.network_protocol(view, ids)
    wanted, notes = writable_part(body, {"SSDP": dict}, document)
    enabled = wanted["SSDP"].get("ProtocolEnabled")
    check_type("ProtocolEnabled", enabled, bool)
    desk.change_fields(is_discoverable=enabled)
    return Answer(body=manager.network_protocol(desk.view(view.number), ids) | notes)
