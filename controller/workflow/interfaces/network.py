"""Network interfaces: what becomes of the VIFs that a client attaches to a node, and whether switches are told.

``ironic-networking`` is Ironic's name for the one that has switches set without a network service, and so are its names in ``driver_info``
and in a port's ``extra.switchport``. Ironic's takes and forgets VIFs; here they may name networks (``controller/workflow/networks/plan.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.hardware.interface import Facts, accept

_FORM = "access/native_vlan=100, or trunk/native_vlan=1/allowed_vlans=100,200-210; default: the setting of this name."
_PROPERTIES = {
    "provisioning_network": f"What the switch ports of ports that boot are set to during a deployment: {_FORM}",
    "cleaning_network": f"During a cleaning: {_FORM}",
    "rescuing_network": f"During a rescue: {_FORM}",
    "inspection_network": f"During an inspection: {_FORM}",
    "servicing_network": f"During a service: {_FORM}",
    "idle_network": f"Of ports that are in no network: {_FORM}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network interface; see :class:`controller.hardware.interface.NetworkInterface`."""

    keeps_vifs: bool
    """Each VIF takes a free port or port group; else they are taken and forgotten, as by Ironic's ``noop``."""
    connects: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)
    validate: Callable[[Facts], None] = accept


NOOP = Network(keeps_vifs=False)
FLAT = Network(keeps_vifs=True)
IRONIC_NETWORKING = Network(keeps_vifs=True, connects=True, properties=_PROPERTIES)
