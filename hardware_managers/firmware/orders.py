"""The ``settings`` of the step ``firmware.update``, and which component each entry means. Pure.

The shape is that of Ironic's firmware step: a list of ``{"component", "url", "checksum"}``; ``model`` and ``version`` are ours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agent.errors import FirmwareError, InvalidRequest
from agent.hardware.updating import FirmwareComponent

_MOST_ENTRIES = 64


class UpdateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``settings``.

    ``component`` is an id (``nvme:nvme0``, ``nic:0000:3b:00.0``, ``fwupd:<device id or GUID>``) or a kind (``nvme``, ``nic``: every one,
    with ``model`` those of that model). ``checksum``: of the file at ``url``, hex of SHA-256 or SHA-512 (or as the agent's images
    have it). ``version`` = ``None``: whatever the file brings; otherwise the version that must be there afterwards.
    """

    component: str
    url: str
    checksum: str | None = None
    version: str | None = None
    model: str | None = None


def parse_orders(settings: Any) -> tuple[UpdateOrder, ...]:
    """Return the entries of the argument ``settings``.

    Raises:
        InvalidRequest: It is no list of such entries; the message has the path of the bad field.
    """
    try:
        orders = tuple(msgspec.convert(settings, list[UpdateOrder]))
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"firmware.update: settings: {error}") from error
    if not 0 < len(orders) <= _MOST_ENTRIES:
        raise InvalidRequest(
            f"firmware.update: settings has {len(orders)} entries; give 1 to {_MOST_ENTRIES}"
        )
    return orders


def meant(
    order: UpdateOrder, components: Sequence[FirmwareComponent]
) -> tuple[FirmwareComponent, ...]:
    """Return the components that ``order`` means, in the order of ``components``.

    Raises:
        FirmwareError: None is meant; the message lists what the machine has.
    """
    named = [c for c in components if order.component in {c.id, c.kind, *c.aliases}]
    found = tuple(c for c in named if order.model is None or c.model == order.model)
    if found:
        return found
    wanted = order.component if order.model is None else f"{order.component} of model {order.model}"
    there = "; ".join(f"{c.id} ({c.model}, {c.version or 'no version'})" for c in components)
    raise FirmwareError(
        f"firmware.update: this machine has no component {wanted}; it has: {there or 'none that this ramdisk can update'}"
    )


def is_there(order: UpdateOrder, component: FirmwareComponent) -> bool:
    """Say whether the wanted version runs already."""
    return order.version is not None and order.version == component.version


def overlapping(
    chosen: Sequence[tuple[UpdateOrder, Sequence[FirmwareComponent]]],
) -> Mapping[str, Sequence[str]]:
    """Return the URLs by component id for components that more than one entry means."""
    urls: dict[str, list[str]] = {}
    for order, components in chosen:
        for component in components:
            urls.setdefault(component.id, []).append(order.url)
    return {one: several for one, several in urls.items() if len(several) > 1}
