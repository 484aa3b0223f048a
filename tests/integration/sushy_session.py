"""What sushy, the client of Ironic, does to one BMC, run in its own environment: ``sushy_session.py``; prints JSON.

Standard input has one JSON object: url, username, password, certificate, image and firmware (addresses), session (or else
basic authentication), system (its number in the collection, from the end), targets (of the update, or null).
"""

import json
import sys
import time

import sushy
from sushy import auth
from sushy.taskmonitor import TaskMonitor

_LONGEST_TASK_S = 60
asked = json.load(sys.stdin)
kind = auth.SessionAuth if asked["session"] else auth.BasicAuth
root = sushy.Sushy(
    asked["url"], verify=asked["certificate"], auth=kind(asked["username"], asked["password"])
)
seen: dict[str, object] = {}
system = root.get_system_collection().get_members()[-asked["system"]]
manager = system.managers[0]
seen["system"] = [system.uuid, system.system_type.value, manager.manager_type.value]


def powered() -> str:
    """Return the power state as the BMC shows it now."""
    system.refresh(force=True)
    return str(system.power_state.value)


def reset(value: sushy.ResetType) -> str:
    """Reset and return the power state after it."""
    system.reset_system(value)
    return powered()


def followed(monitor: TaskMonitor) -> str:
    """Wait for the end of a task and return its last state.

    The task itself is asked: sushy takes its address, not the monitor's, where a 202 has a task as its body.
    """
    deadline = time.monotonic() + _LONGEST_TASK_S
    while (task := monitor.get_task()).task_state is sushy.TaskState.RUNNING:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return str(task.task_state.value)


seen["resets"] = {
    value.value: reset(value)
    for value in (
        sushy.ResetType.ON,
        sushy.ResetType.FORCE_RESTART,
        sushy.ResetType.NMI,
        sushy.ResetType.GRACEFUL_SHUTDOWN,
        sushy.ResetType.PUSH_POWER_BUTTON,
        sushy.ResetType.FORCE_OFF,
    )
}
seen["allowed"] = sorted(value.value for value in system.get_allowed_reset_system_values())

overrides = []
for target in (
    sushy.BootSource.PXE,
    sushy.BootSource.CD,
    sushy.BootSource.HDD,
    sushy.BootSource.BIOS_SETUP,
):
    for enabled in (
        sushy.BootSourceOverrideEnabled.ONCE,
        sushy.BootSourceOverrideEnabled.CONTINUOUS,
    ):
        system.set_system_boot_options(
            target=target, enabled=enabled, mode=sushy.BootSourceOverrideMode.UEFI
        )
        system.refresh(force=True)
        overrides.append(
            [system.boot.target.value, system.boot.enabled.value, system.boot.mode.value]
        )
seen["overrides"] = overrides
system.set_system_boot_options(
    target=sushy.BootSource.UEFI_HTTP,
    enabled=sushy.BootSourceOverrideEnabled.ONCE,
    http_boot_uri=asked["image"],
)
system.refresh(force=True)
seen["http_boot"] = [system.boot.target.value, system.boot.http_boot_uri]
system.set_system_boot_options(enabled=sushy.BootSourceOverrideEnabled.DISABLED)
system.refresh(force=True)
seen["disabled"] = system.boot.enabled.value
system.set_indicator_led(sushy.IndicatorLED.LIT)
system.refresh(force=True)
seen["led"] = system.indicator_led.value

(slot,) = (
    one
    for one in manager.virtual_media.get_members()
    if sushy.VirtualMediaType.CD in one.media_types
)
slot.insert_media(asked["image"])
slot.refresh(force=True)
seen["inserted"] = [slot.inserted, slot.image]
slot.eject_media()
slot.refresh(force=True)
seen["ejected"] = slot.inserted

bios = system.bios
seen["registry"] = len(bios.get_attribute_registry().registry_entries.attributes)
bios.set_attribute("ProcVirtualization", "Disabled", apply_time=sushy.ApplyTime.ON_RESET)
bios.refresh(force=True)
seen["pending"] = bios.pending_attributes
reset(sushy.ResetType.ON)
bios.refresh(force=True)
seen["bios"] = bios.attributes["ProcVirtualization"]
bios.reset_bios()
reset(sushy.ResetType.FORCE_RESTART)
bios.refresh(force=True)
seen["bios_reset"] = bios.attributes["ProcVirtualization"]

secure_boot = system.secure_boot
secure_boot.reset_keys(sushy.SecureBootResetKeysType.RESET_ALL_KEYS_TO_DEFAULT)
secure_boot.set_enabled(True)
reset(sushy.ResetType.FORCE_RESTART)
secure_boot.refresh(force=True)
seen["secure_boot"] = [secure_boot.enabled, secure_boot.current_boot.value]
secure_boot.reset_keys(sushy.SecureBootResetKeysType.DELETE_ALL_KEYS)
secure_boot.refresh(force=True)
seen["secure_boot_mode"] = secure_boot.mode.value

# objects of its own: sushy refreshes what it has cached with the system, also what is gone by then
storage = root.get_system(system.path).storage.get_members()[0]
seen["drives"] = [drive.capacity_bytes for drive in storage.drives]
payload = {"RAIDType": "RAID1", "Name": "root", "CapacityBytes": 1 << 30}
seen["create"] = followed(storage.volumes.create(payload))
storage.volumes.refresh(force=True)
volumes = storage.volumes.get_members()
seen["volumes"] = [[one.name, one.raid_type.value, one.capacity_bytes] for one in volumes]
seen["delete"] = [followed(one.delete()) for one in volumes]
storage = root.get_system(system.path).storage.get_members()[0]
seen["volumes_left"] = len(storage.volumes.get_members())

updates = root.get_update_service()
seen["task"] = followed(updates.simple_update(asked["firmware"], targets=asked["targets"]))
inventory = updates.firmware_inventory.get_members()
seen["firmware"] = {one.name: one.version for one in inventory}
chassis = system.chassis[0]
seen["chassis"] = [chassis.power_state.value, chassis.name]
seen["temperatures"] = len(chassis.thermal.temperatures)
seen["watts"] = chassis.power.power_supplies[0].last_power_output_watts
events = root.get_event_service()
events.subscriptions.create(
    {"Destination": "http://192.0.2.1/events", "Protocol": "Redfish", "EventTypes": ["Alert"]}
)
seen["subscriptions"] = len(events.subscriptions.get_members())
reset(sushy.ResetType.FORCE_OFF)
sys.stdout.write(json.dumps(seen))
