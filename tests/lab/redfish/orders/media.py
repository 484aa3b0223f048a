"""Virtual media: InsertMedia fetches the image and puts it into the machine, EjectMedia takes it out."""

from urllib.parse import urlsplit

from tests.lab.redfish.answers import NO_CONTENT, Answer, Document, RefusedError
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents import manager
from tests.lab.redfish.documents.names import Ids
from tests.lab.redfish.machine_state import Medium
from tests.lab.redfish.orders.bodies import parameter, writable_part
from tests.lab.redfish.orders.fetch import fetch
from tests.lab.redfish.state import View

_MOST_BYTES = 4 << 30
_FETCH_S = 120


def insert(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Carry out VirtualMedia.InsertMedia; a slot that is taken refuses (409)."""
    manager.medium(view, ids)  # 404 where there is no such slot
    slot = ids["slot"]
    url = parameter(body, "Image", str, required=True)
    if parameter(body, "Inserted", bool) is False:
        raise RefusedError(400, "ActionParameterValueNotInList", "false", "Inserted")
    writable = parameter(body, "WriteProtected", bool) is False
    scheme = urlsplit(url).scheme
    if scheme not in {"http", "https"}:
        raise RefusedError(400, "ActionParameterValueNotInList", url, "Image", related="Image")
    parameter(body, "TransferProtocolType", str, among=("HTTP", "HTTPS"))
    method = parameter(body, "TransferMethod", str, among=("Upload", "Stream")) or "Upload"
    name, word = parameter(body, "UserName", str), parameter(body, "Password", str)
    if slot in view.own.media:
        raise RefusedError(409, "ResourceInUse")
    if slot == view.faults.refuses_slot:
        raise RefusedError(500, "GeneralError")
    target = desk.folder / f"medium-{view.number}-{slot}-{desk.new_id()}"
    login = (name, word or "") if name else None
    fetch(url, target, most_bytes=_MOST_BYTES, timeout_s=_FETCH_S, login=login)
    desk.ask("insert medium", view.number, slot=slot, image=str(target))
    inside = Medium(url=url, write_protected=not writable, transfer_method=method)
    desk.change_own(view.number, media={**desk.view(view.number).own.media, slot: inside})
    desk.note(f"virtual media inserted: {slot}", view.number)
    return desk.begin_task("Insert media") if desk.faults.tasks else NO_CONTENT


def eject(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Carry out VirtualMedia.EjectMedia; an empty slot stays as it is."""
    manager.medium(view, ids)
    slot = ids["slot"]
    if desk.faults.keeps_media or slot == desk.faults.refuses_slot:
        raise RefusedError(500, "GeneralError")
    if slot in view.own.media:
        desk.ask("eject medium", view.number, slot=slot)
        media = desk.view(view.number).own.media
        left = {name: one for name, one in media.items() if name != slot}
        desk.change_own(view.number, media=left)
        for image in desk.folder.glob(f"medium-{view.number}-{slot}-*"):
            image.unlink()
        desk.note(f"virtual media ejected: {slot}", view.number)
    return desk.begin_task("Eject media") if desk.faults.tasks else NO_CONTENT


def change(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Insert or eject by PATCH, the older way (VirtualMedia before 1.2)."""
    kinds = {"Image": str, "Inserted": bool, "WriteProtected": bool}
    if body.get("Image", "") is None or body.get("Inserted") is False:
        eject(desk, view, ids, {})
    else:
        wanted, _ = writable_part(body, kinds, manager.medium(view, ids))
        insert(desk, view, ids, wanted)
    return Answer(body=manager.medium(desk.view(view.number), ids))
