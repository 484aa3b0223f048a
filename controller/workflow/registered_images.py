"""Gives a deployment the registered image that its node names: the digest is fixed then, whatever becomes of the entry.

Whichever controller is asked, the one whose node it is has the copy: it begins it when it begins the deployment.
"""

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from controller.errors import Conflict, NotFound
from controller.images.registered import KEY, name_of
from controller.store.images import ACTIVE, FAILED, Image, copy_of, get_image, whole_copies
from controller.store.tables import Node
from controller.workflow.image_copies import new_copy
from controller.workflow.services import Services


def give_image(services: Services, session: Session, node: Node, *, is_order: bool) -> None:
    """Note in ``driver_internal_info`` what the node's image is, if it names a registered one; forget an earlier one.

    That there is no image of this name is for the deploy interfaces to say that write images (``with_registered``): to others
    ``image_source`` may be anything, as Nova's UUIDs of Glance.

    Args:
        services: The controller's parts.
        session: In which the node was read; a writing one for an order.
        node: The node.
        is_order: A deployment begins. Otherwise nothing is written.

    Raises:
        Conflict: The image is not whole yet, or has failed.
    """
    kept = {key: value for key, value in node.driver_internal_info.items() if key != KEY}
    name = name_of(node.instance_info)
    image = None if name is None else _usable(session, name)
    if image is not None:
        kept[KEY] = {
            "asked_for": name,
            "uuid": image.uuid,
            "name": image.name,
            "urls": _addresses(node.conductor or services.hostname, session, image),
            "os_hash_algo": image.os_hash_algo,
            "os_hash_value": image.os_hash_value,
            "disk_format": image.disk_format,
        }
    if is_order and kept != node.driver_internal_info:
        node.driver_internal_info = kept
    if not is_order:
        set_committed_value(node, "driver_internal_info", kept)


def _usable(session: Session, name: str) -> Image | None:
    try:
        image = get_image(session, name)
    except NotFound:
        return None
    if image.status == FAILED:
        raise Conflict(f"image {image.name} cannot be deployed: {image.last_error}")
    if image.status != ACTIVE:
        raise Conflict(f"image {image.name} is not whole yet ({image.status}); wait for active")
    return image


def _addresses(owner: str, session: Session, image: Image) -> list[str]:
    """Return where agents get it, the copy of the node's controller first.

    Raises:
        Conflict: Nowhere.
    """
    copies = whole_copies(session, image.id)
    own = [copy.url for copy in copies if copy.conductor == owner]
    others = [copy.url for copy in copies if copy.conductor != owner]
    found = list(dict.fromkeys((*own, *others, *image.urls)))
    if not found:
        raise Conflict(f"image {image.name} has no copy any more; upload it again")
    return found


def use_image(services: Services, node: Node) -> None:
    """Count this controller's copy of a deployment's image as used; if it has none (any more), have it fetched."""
    given = node.driver_internal_info.get(KEY)
    if not isinstance(given, dict):
        return
    with services.store.edit() as session:
        try:
            image = get_image(session, str(given.get("uuid")), lock=True)
        except NotFound:  # deleted since; its digest and its addresses stand in the order
            return
        copy = copy_of(session, image.id, services.hostname, lock=True)
        if copy is not None:
            copy.used_at = services.clock()
            return
        new_copy(services, session, image, is_upload=False)
    services.images_wanted.set()
