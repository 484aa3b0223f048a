"""Images in the drives that a BMC shows to its machine; as ``abilities.py``."""

from collections.abc import Collection, Mapping

from controller.boot.urls import shown_path
from controller.errors import BmcError
from controller.hardware.abilities import HasVirtualMedia, MediaDevice
from controller.store.tables import Node
from controller.workflow.abilities import STAGE, cannot, tell
from controller.workflow.locks import held_node
from controller.workflow.machine import management_of
from controller.workflow.services import Services


def virtual_media(services: Services, ident: str) -> Mapping[MediaDevice, str | None]:
    """Return what is in the drives of a node.

    Raises:
        NotFound: There is no such node.
        Invalid: Its management interface shows no drives.
        NodeLocked: Something goes on with the node.
        BmcError: The BMC refused.
    """
    with held_node(services, ident, STAGE) as node:
        found = _drives(services, node).media(timeout_s=services.settings.bmc_timeout_s)
        return {device: url and shown_path(url) for device, url in found.items()}


def attach_virtual_media(services: Services, ident: str, device: MediaDevice, url: str) -> None:
    """Put an image into a drive, and see that it is there; raises as :func:`virtual_media`."""
    limit_s = services.settings.bmc_timeout_s
    with held_node(services, ident, STAGE) as node:
        drives = _drives(services, node)
        drives.attach_media(device, url, timeout_s=limit_s)
        if drives.media(timeout_s=limit_s).get(device) is None:
            raise BmcError(
                f"The BMC took the image for the {device} and its drive is still empty; look at its own page or log"
            )
        tell(services, node, f"An image was put into the virtual {device}")


def detach_virtual_media(
    services: Services, ident: str, devices: Collection[MediaDevice] | None
) -> None:
    """Empty drives, ``None`` = all, and see that they are; raises as :func:`virtual_media`."""
    limit_s = services.settings.bmc_timeout_s
    with held_node(services, ident, STAGE) as node:
        drives = _drives(services, node)
        wanted = drives.media(timeout_s=limit_s).keys() if devices is None else devices
        for device in wanted:
            drives.detach_media(device, timeout_s=limit_s)
        left = {one for one, url in drives.media(timeout_s=limit_s).items() if url is not None}
        if full := sorted(left & {*wanted}):
            raise BmcError(
                f"The BMC was told to empty {', '.join(full)} and still shows an image there; look at its own page or log"
            )
        tell(services, node, f"The virtual {', '.join(wanted)} was emptied")


def _drives(services: Services, node: Node) -> HasVirtualMedia:
    bmc = management_of(services, node)
    if not isinstance(bmc, HasVirtualMedia):
        raise cannot(services, node, "attach virtual media")
    return bmc
