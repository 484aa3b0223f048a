"""VIFs: which of a site's virtual interfaces (for a client's network service) is on which port or port group of a node.

A network interface may keep them (``flat``) or take and forget them (``noop``). The rules are those of Ironic without a network
service of its own (``drivers/modules/network/common.py``): nothing on a switch changes.
"""

from controller.store.portgroups import Portgroup
from controller.store.tables import Node, Port
from controller.workflow.services import Services

KEY = "tenant_vif_port_id"
"""Where a port's ``internal_info`` has its VIF."""


def keeps_vifs(services: Services, node: Node) -> bool:
    """Say whether the node's network interface keeps VIFs; that of a driver that is served elsewhere counts as one that does not."""
    if node.driver not in services.catalog.types:
        return False
    return services.catalog.interfaces_of(node.driver, node.interfaces).network.keeps_vifs


def vif_of(place: Port | Portgroup) -> str | None:
    """Return the VIF that is attached to a port or port group."""
    found = (place.internal_info or {}).get(KEY)
    return None if found is None else str(found)
