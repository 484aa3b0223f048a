"""How a Redfish BMC of the lab misbehaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RedfishFaults:
    """What is wrong with the BMC; the defaults are a good one."""

    unreachable: bool = False
    """Takes connections and says nothing."""
    garbage: bool = False
    """Answers with bytes that are no HTTP."""
    slow_s: float = 0
    """So much later is every answer."""
    stays_off: bool = False
    """Accepts power-on and does nothing."""
    forgets_boot_device: bool = False
    """Accepts a boot override and forgets it."""
    silent_after_update_s: float = 0
    """Refuses every connection for so long after it took an update, as while it restarts; sessions are gone then."""
    changing_ids: bool = False
    """Names systems, managers and chassis anew after each restart of the BMC."""
    stale_power_s: float = 0
    """Shows the power state of the past for so long after a change."""
    shows_power: str = ""
    """Shows this power state whatever the machine does (``PoweringOff``); empty = the machine's."""
    refuses_needless: bool = False
    """Refuses to switch a machine on that is on, and off that is off, with 409."""
    without_resets: tuple[str, ...] = ()
    """No fault but a way: resets that it does not have (``Nmi``)."""
    without_targets: tuple[str, ...] = ()
    """No fault but a way: boot devices that it does not have (``UefiHttp``)."""
    without_drives: tuple[str, ...] = ()
    """No fault but a way: slots of virtual media that it does not have (``Cd``)."""
    without_logs: bool = False
    """No fault but a way: keeps no log."""
    keeps_media: bool = False
    """Refuses to eject virtual media."""
    hides_media: bool = False
    """Says that a slot is full and not of what."""
    refuses_slot: str = ""
    """Refuses every image for the virtual media slot of this name."""
    mixed_slots: int = 0
    """No fault but a way: has so many slots ("1", "2", ...) that each are a CD drive or a USB stick, instead of one of each."""
    bare_400: bool = False
    """Refuses every change with 400 and no body."""
    health: str | None = "OK"
    """What a system's status says of it and its parts (``HealthRollup``); ``None`` = nothing."""
    shared_manager: bool = False
    """No fault but a way: all its machines have one manager, which has their media, log and console, and they have none."""
    without_optional: bool = False
    """Leaves out members that a client may not count on: ETags, allowable values, BIOS, Secure Boot, events, sensors."""
    points_to: Mapping[str, str] = field(default_factory=dict)
    """By the name of a member or header with links (``@odata.id``, ``target``, ``Location``): where they lead instead of here, as ``http://192.0.2.1``."""
    refuses_systems: int = 0
    """Answers every request about a system with this status, whoever asks; 0 = it does not."""
    wrong_login: int = 401
    """How it answers a session's login with a wrong password: 400, as some do, or 403."""
    wants_new_password: bool = False
    """Opens sessions and does nothing in them, before the password is changed (DSP0266, ``PasswordChangeRequired``)."""
    nonsense: bool = False
    """Shows a system as JSON of another form than Redfish's."""
    keeps_time: bool = False
    """Accepts another time and keeps its own, as one that asks a server for it."""
    refuses_settings: bool = False
    """Accepts BIOS settings and forgets them at the start, with a message of why."""
    stages_updates: bool = False
    """No fault but a way: an update's task waits for a start of the machine."""
    only_pushed: bool = False
    """No fault but a way: fetches no firmware by HTTP, and takes what is pushed."""
    forgets_tasks: bool = False
    """Forgets its tasks when it restarts."""
    volume_tasks_fail: bool = False
    """Takes orders for volumes; their tasks end in an exception."""
    loses_volumes: bool = False
    """Takes orders for volumes, says that they were carried out, and has done nothing."""
    other_volumes: bool = False
    """Makes a volume of another level and size than was ordered."""
    reuses_numbers: bool = False
    """No fault but a way: gives a volume the lowest number that no other has."""
    volumes_at_start: bool = False
    """No fault but a way: orders for volumes wait for a start of the machine (``OnReset``)."""
    old_volumes: bool = False
    """No fault but a way: knows ``VolumeType`` and not ``RAIDType``, and does not say which levels its controller makes."""
    switch: str = ""
    """No fault but a way: the name of the switch that the ports of its network adapter have heard by LLDP; empty = they have heard none."""
    console_ways: tuple[str, ...] = ("IPMI",)
    """No fault but a way: how it says that its serial console is reached (``IPMI``, ``SSH``), the others being off."""
    console_command: str = ""
    """No fault but a way: its shell by SSH is the console after this command; empty = it is the console at once."""
    without_nics: bool = False
    """Tells no network interface of a system, only its adapter's functions."""
    fails_devices: bool = False
    """Answers 500 to every request about PCI devices."""
    is_dell: bool = False
    """No fault but a way: has the services for jobs and restarts that iDRACs have."""
    tasks: bool = False
    """No fault but a way: resets are answered 202 with a task, not 204."""
    task_s: float = 0.2
    """How long a task takes."""
