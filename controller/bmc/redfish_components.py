"""Which firmware a machine has, by its Redfish service: ``bios``, ``bmc`` and ``nic:..`` as Ironic names them, and what the inventory has besides."""

from collections.abc import Iterator
from dataclasses import dataclass

from sushy.resources.system.system import System

from controller.bmc.redfish_clock import managers
from controller.bmc.redfish_document import dig, link, links, members, read_if_there, text
from controller.hardware.firmware import FirmwareComponent

BIOS, BMC, NIC = "bios", "bmc", "nic:"
_OLD_OR_NEW = ("previous-", "available-", "rollback-")
"""How services name firmware that is kept and does not run (Dell iDRAC 9, Redfish API guide, chapter SoftwareInventory)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component, and where it stands in the inventory; ``None`` = not there: the BMC finds out itself what an image is for."""

    component: FirmwareComponent
    target: str | None = None


def parts(system: System) -> tuple[Part, ...]:
    """Return every component, each name once."""
    found: dict[str, Part] = {}
    for part in (*_machine(system), *_cards(system), *_inventory(system)):
        found.setdefault(part.component.component, part)
    return tuple(found.values())


def _machine(system: System) -> Iterator[Part]:
    version = text(system.json, "BiosVersion")
    if version:
        yield Part(component=FirmwareComponent(component=BIOS, current_version=version))
    for manager in managers(system):
        version = text(manager.body, "FirmwareVersion")
        if version:
            model = text(manager.body, "Model")
            component = FirmwareComponent(component=BMC, current_version=version, model=model)
            yield Part(component=component)
            return


def _cards(system: System) -> Iterator[Part]:
    """Return the network cards; named by serial number, as Ironic has them, or by address."""
    for path in links(system.json, "Links", "Chassis")[:4]:
        chassis = read_if_there(system, path)
        collection = link(chassis.body, "NetworkAdapters") if chassis else None
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


def _inventory(system: System) -> Iterator[Part]:
    service = read_if_there(system, link(system.root.json, "UpdateService"))
    collection = link(service.body, "FirmwareInventory") if service else None
    for item in members(system, collection):
        name = item.name.lower()
        if name.startswith(_OLD_OR_NEW) or name in (BIOS, BMC):  # these are told already
            continue
        component = FirmwareComponent(
            component=component_name(item.name),
            current_version=text(item.body, "Version"),
            vendor=text(item.body, "Manufacturer"),
            model=text(item.body, "Name"),
        )
        yield Part(component=component, target=item.path)


def component_name(identity: str) -> str:
    """Return the name of an inventory's item that stays when its version changes: iDRAC writes ``Installed-<id>-<version>__<device>``. Pure."""
    is_dells = identity.startswith(("Current-", "Installed-")) and "__" in identity
    return identity.split("__", 1)[1] if is_dells else identity
