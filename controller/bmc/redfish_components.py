"""Which firmware a machine has, by its Redfish service: ``bios``, ``bmc`` and ``nic:..`` as Ironic names them, and what the inventory has besides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sushy import exceptions
from sushy.resources.system.system import System

from controller.bmc.redfish_clock import managers
from controller.bmc.redfish_document import Document, dig, link, links, members, read_if_there, text
from controller.bmc.redfish_quirks import Ways, ways_of
from controller.bmc.redfish_siblings import Siblings, serves_others, siblings
from controller.hardware.firmware import FirmwareComponent

BIOS, BMC, NIC = "bios", "bmc", "nic:"
_OLD_OR_NEW = ("previous-", "available-", "rollback-")
"""How firmware is named that is kept and does not run (``Ways.names_have_versions``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component, and where it stands in the inventory; ``None`` = not there: the BMC finds out itself what an image is for."""

    component: FirmwareComponent
    target: str | None = None


def parts(system: System) -> tuple[Part, ...]:
    """Return every component, each name once."""
    found: dict[str, Part] = {}
    ways, others = ways_of(system.json), siblings(system)
    items = [one for one in _items(system) if not others.have(links(one.body, "RelatedItem"))]
    for part in (
        *_machine(system, others, items),
        *_cards(system, ways),
        *_inventory(system, ways, others, items),
    ):
        found.setdefault(part.component.component, part)
    return tuple(found.values())


def _machine(system: System, others: Siblings, items: Sequence[Document]) -> Iterator[Part]:
    """Return BIOS and BMC; a BMC of several machines is told whose an image is for."""
    version = text(system.json, "BiosVersion")
    if version:
        target = _place(items, BIOS, system.path) if others.systems else None
        component = FirmwareComponent(component=BIOS, current_version=version)
        yield Part(component=component, target=target)
    for manager in managers(system):
        version = text(manager.body, "FirmwareVersion")
        if version:
            model = text(manager.body, "Model")
            component = FirmwareComponent(component=BMC, current_version=version, model=model)
            target = _place(items, BMC, manager.path) if others.systems else None
            yield Part(component=component, target=target)
            return


def _place(items: Sequence[Document], name: str, home: str) -> str:
    """Return the item of the inventory that is so named and about this home, or the home itself, which is a target as well (DSP2046)."""
    return next((one.path for one in items if _is_about(one, name, home)), home)


def _is_about(item: Document, name: str, home: str) -> bool:
    related = links(item.body, "RelatedItem")
    about = any(one == home or one.startswith(f"{home}/") for one in related)
    return about and name in item.name.lower()


def _cards(system: System, ways: Ways) -> Iterator[Part]:
    """Return the network cards; named by serial number, as Ironic has them, or by address."""
    try:
        yield from _all_cards(system)
    except exceptions.HTTPError:
        if not ways.cards_fail:
            raise


def _all_cards(system: System) -> Iterator[Part]:
    for path in links(system.json, "Links", "Chassis")[:4]:
        chassis = read_if_there(system, path)
        is_own = chassis is not None and not serves_others(system, chassis)
        collection = link(chassis.body, "NetworkAdapters") if chassis and is_own else None
        for card in members(system, collection):
            serial = text(card.body, "SerialNumber")
            controllers = dig(card.body, "Controllers")
            for one in controllers if isinstance(controllers, list) else []:
                version = text(one, "FirmwarePackageVersion")
                if version:
                    component = FirmwareComponent(
                        component=f"{NIC}{serial or card.name}",
                        current_version=version,
                        vendor=text(card.body, "Manufacturer"),
                        model=text(card.body, "Model"),
                        serial_number=serial,
                    )
                    yield Part(component=component)


def _items(system: System) -> Iterator[Document]:
    service = read_if_there(system, link(system.root.json, "UpdateService"))
    yield from members(system, link(service.body, "FirmwareInventory") if service else None)


def _inventory(
    system: System, ways: Ways, others: Siblings, items: Sequence[Document]
) -> Iterator[Part]:
    told = {BIOS: [system.path], BMC: links(system.json, "Links", "ManagedBy")}
    for item in items:
        name = item.name.lower()
        if ways.names_have_versions and name.startswith(_OLD_OR_NEW):
            continue
        if name in told:  # these are told already
            continue
        if others.systems and any(
            _is_about(item, kind, home) for kind, homes in told.items() for home in homes
        ):
            continue
        component = FirmwareComponent(
            component=device_of(item.name) if ways.names_have_versions else item.name,
            current_version=text(item.body, "Version"),
            vendor=text(item.body, "Manufacturer"),
            model=text(item.body, "Name"),
        )
        yield Part(component=component, target=item.path)


def device_of(identity: str) -> str:
    """Return the part of an inventory item's name that stays when its version changes (``Ways.names_have_versions``). Pure."""
    return identity.split("__", 1)[-1]
