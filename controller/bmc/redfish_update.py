"""Firmware updates by a Redfish service's UpdateService (DMTF DSP2046): the BMC fetches the image itself."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sushy.resources.system.system import System

from controller.bmc import redfish_task
from controller.bmc.redfish_document import action, dig, link, order, read_if_there
from controller.bmc.redfish_errors import NotOfferedError

_ACTION = "UpdateService.SimpleUpdate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An update that was begun."""

    task: str | None = None
    """Its task; ``None`` = there is none (yet)."""
    push: str | None = None
    """The controller pushes the image; the name of that."""
    waits: bool = False
    """Nothing was begun: the controller pushes as many images as it may. Ask again."""


def begin_update(system: System, url: str, target: str | None) -> str | None:
    """Order an update, and return its task; ``None`` = the BMC says that it is done.

    Args:
        system: The machine.
        url: Where the BMC finds the image.
        target: The component's place in the firmware inventory; ``None`` = the BMC finds out from the image.

    Raises:
        NotOfferedError: The BMC does not fetch images, or not by this protocol.
    """
    service = read_if_there(system, link(system.root.json, "UpdateService"))
    where = action(service.body, _ACTION) if service else None
    if service is None or where is None:
        raise NotOfferedError("updates that it fetches itself", "update it at the BMC's own page")
    protocol = urlsplit(url).scheme.upper()
    allowed = dig(
        service.body, "Actions", f"#{_ACTION}", "TransferProtocol@Redfish.AllowableValues"
    )
    if isinstance(allowed, list) and protocol not in allowed:
        listed = ", ".join(str(one) for one in allowed[:10])
        raise NotOfferedError(
            f"updates by {protocol}", f"give a URL of a kind that it takes ({listed})"
        )
    body: dict[str, object] = {"ImageURI": url, "TransferProtocol": protocol}
    if target is not None:
        body["Targets"] = [target]
    return redfish_task.task_of(order(system, where, body))
