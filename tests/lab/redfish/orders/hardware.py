"""Volumes and firmware: what takes a task's time."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from tests.lab.redfish.answers import Answer, Document, RefusedError
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents import manager, storage
from tests.lab.redfish.documents.names import Ids
from tests.lab.redfish.machine_state import FirmwareUpdated, Volume, VolumeGone, VolumeMade
from tests.lab.redfish.orders.bodies import check_listed, check_type, parameter, writable_part
from tests.lab.redfish.orders.fetch import fetch
from tests.lab.redfish.orders.people import required
from tests.lab.redfish.state import View

_MOST_FIRMWARE_BYTES = 64 << 20
_FETCH_S = 60
_FIRMWARE = re.compile(rb"ingot-lab-firmware ([A-Z]+) ([0-9A-Za-z.-]+)\n")
_LEAST_DRIVES = {"RAID0": 1, "RAID1": 2, "RAID5": 3, "RAID10": 4}


def firmware_image(component: str, version: str) -> bytes:
    """Return an update image that the lab's BMC takes."""
    return f"ingot-lab-firmware {component} {version}\n".encode()


def make_volume(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Make a volume of free drives; 202 with a task."""
    storage.storage(view, ids)
    if view.faults.old_volumes:
        old = required(body, "VolumeType")
        check_listed("VolumeType", old, storage.OLD_TYPES)
        kind = storage.OLD_TYPES[old]
    else:
        kind = required(body, "RAIDType")
        check_listed("RAIDType", kind, storage.RAID_TYPES)
    links = body.get("Links", {})
    check_type("Links", links, dict)
    check_type("Drives", links.get("Drives", []), list)
    all_drives = {
        f"{storage.storage_path(view)}/Drives/{number}": drive
        for number, drive in enumerate(view.facts.drives)
    }
    wanted = tuple(drive["@odata.id"] for drive in links.get("Drives", [])) or tuple(all_drives)
    for drive in wanted:
        check_listed("Drives", drive, all_drives)
        if any(drive in volume.drives for volume in view.own.volumes):
            raise RefusedError(409, "ResourceInUse")
    if len(wanted) < _LEAST_DRIVES[kind]:
        raise RefusedError(400, "PropertyValueNotInList", len(wanted), "Drives")
    capacity = body.get("CapacityBytes") or min(all_drives[drive].size_bytes for drive in wanted)
    check_type("CapacityBytes", capacity, int)
    name = body.get("Name") or body.get("DisplayName") or kind
    check_type("Name", name, str)
    made = Volume(
        id=_number(desk, view), name=name, raid_type=kind, capacity_bytes=capacity, drives=wanted
    )
    if view.faults.other_volumes:
        made = replace(made, raid_type="RAID0", capacity_bytes=capacity // 2)
    return _begin_volume_task(desk, view, "Create volume", VolumeMade(volume=made))


def _number(desk: Desk, view: View) -> str:
    if not view.faults.reuses_numbers:
        return desk.new_id()
    taken = {volume.id for volume in view.own.volumes}
    return next(number for number in map(str, itertools.count(1)) if number not in taken)


def _begin_volume_task(
    desk: Desk, view: View, name: str, effect: VolumeMade | VolumeGone
) -> Answer:
    """Begin an order for a volume, or one that comes to nothing."""
    faults = view.faults
    failure = "the controller does not carry it out" if faults.volume_tasks_fail else None
    boots = view.facts.boots if faults.volumes_at_start else None
    done = None if faults.loses_volumes else effect
    return desk.begin_task(name, done, failure, machine=view.number, waits_at_boots=boots)


def change_drive(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Switch the lamp by which a drive is found."""
    document = storage.drive(view, ids)
    wanted, notes = writable_part(body, {"LocationIndicatorActive": bool}, document)
    mine = frozenset({document["@odata.id"]})
    lit = view.own.lit_drives
    now = lit | mine if wanted["LocationIndicatorActive"] else lit - mine
    desk.change_own(view.number, lit_drives=now)
    return Answer(body=storage.drive(desk.view(view.number), ids) | notes)


def remove_volume(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Delete a volume; 202 with a task."""
    storage.volume(view, ids)
    return _begin_volume_task(desk, view, "Delete volume", VolumeGone(id=ids["id"]))


def initialize_volume(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Accept an initialization, which changes nothing that could be seen."""
    storage.volume(view, ids)
    parameter(body, "InitializeType", str, among=("Fast", "Slow"))
    return desk.begin_task("Initialize volume")


def update_from(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Carry out UpdateService.SimpleUpdate: fetch the image; the task says what came of it."""
    url = parameter(body, "ImageURI", str, required=True)
    if urlsplit(url).scheme not in {"http", "https"}:
        raise RefusedError(400, "ActionParameterValueNotInList", url, "ImageURI")
    parameter(body, "TransferProtocol", str, among=("HTTP", "HTTPS"))
    targets = parameter(body, "Targets", list) or []
    _owner(view, targets)
    target = desk.folder / f"firmware-{desk.new_id()}"
    fetch(url, target, most_bytes=_MOST_FIRMWARE_BYTES, timeout_s=_FETCH_S)
    with target.open("rb") as file:
        head = file.read(256)
    target.unlink()
    return update(desk, head, targets, payload=json.dumps(body))


def update(
    desk: Desk, image: bytes, targets: Sequence[str] = (), *, payload: str | None = None
) -> Answer:
    """Begin the update with an image whose first line says what it is; another one fails in its task.

    Raises:
        RefusedError: 400: there are several machines, and nothing says which one it is for.
    """
    view = _owner(desk.view(), targets)
    read = _FIRMWARE.match(image)
    component, version = (word.decode() for word in read.groups()) if read else ("", "")
    if component in view.own.firmware:
        effect = FirmwareUpdated(component=component, version=version)
        is_staged = desk.faults.stages_updates and component != "BMC"
        boots = view.facts.boots if is_staged else None
        answer = desk.begin_task(
            f"Update {component}",
            effect,
            machine=view.number,
            payload=payload,
            waits_at_boots=boots,
        )
        desk.note(f"firmware update of {component} to {version}", view.number)
    else:
        answer = desk.begin_task("Update", failure="the image is not for this machine")
    if desk.faults.silent_after_update_s:
        desk.restart(silent_s=desk.faults.silent_after_update_s)
    return answer


def _owner(view: View, targets: Sequence[str]) -> View:
    """Return whose an update is."""
    if not targets and len(view.machines) == 1:
        return view
    owners = [manager.firmware_home(view, target) for target in targets]
    if not owners or owners[0] is None:
        raise RefusedError(400, "ActionParameterMissing", "", "Targets", related="Targets")
    return owners[0]
