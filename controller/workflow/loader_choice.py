"""Which cards get another first loader than the setting ``loader`` says, by the boot interfaces of their nodes; and which get none."""

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from controller.boot.switches import LOCAL_BOOT_BY_ORDER, is_local_boot_by_order
from controller.errors import Invalid
from controller.hardware.boot_target import FROM_NETWORK
from controller.hardware.catalog import Catalog
from controller.settings import Settings
from controller.states import State
from controller.store.tables import Node, Port

_LOADERS = {"pxe": "grub", "http": "grub", "ipxe": "ipxe"}
"""First loader by boot interface; the others take what the setting says."""


def cards_with_other_loader(session: Session, catalog: Catalog, settings: Settings) -> set[str]:
    """Return the MAC addresses of the ports whose node's boot interface wants another loader than the setting.

    Asked every few seconds, so only those nodes are read that can be among them: the others have no boot interface of their own,
    and a hardware type by whose default they are not.
    """
    wanted = {name for name, loader in _LOADERS.items() if loader != settings.loader}
    drivers = [name for name in catalog.types if catalog.names_of(name, {}).get("boot") in wanted]
    query = select(Port.address, Node.driver, Node.interfaces).join(Port, Port.node_id == Node.id)
    query = query.where(
        or_(cast(Node.interfaces, Text).contains('"boot"'), Node.driver.in_(drivers))
    )
    found = set()
    for address, driver, interfaces in session.execute(query):
        try:
            name = catalog.names_of(driver, interfaces)["boot"]
        except Invalid:  # its hardware type or an interface is not served any more
            continue
        if name in wanted:
            found.add(address)
    return found


def cards_without_loader(session: Session, settings: Settings) -> set[str]:
    """Return the MAC addresses of the ports whose machine runs the system on its disk and shall find it by its boot order.

    Asked every few seconds: of most nodes only the address is read. A node of which something merely looks like a boot from
    the network is left out, which costs its machine a question.
    """
    internal, info = cast(Node.driver_internal_info, Text), cast(Node.driver_info, Text)
    has_own = info.contains(f'"{LOCAL_BOOT_BY_ORDER}"')
    query = select(Port.address).join(Node, Port.node_id == Node.id)
    query = query.where(Node.provision_state == State.ACTIVE)
    query = query.where(~or_(*(internal.contains(f'"{target}"') for target in FROM_NETWORK)))
    found = set(session.scalars(query.where(~has_own))) if settings.local_boot_by_order else set()
    for address, driver_info in session.execute(query.add_columns(Node.driver_info).where(has_own)):
        try:
            if is_local_boot_by_order(driver_info, settings):
                found.add(address)
        except (
            Invalid
        ):  # refused when it is written; whoever wrote it past the API gets what others get
            continue
    return found
