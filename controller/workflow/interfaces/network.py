"""Network interfaces: what becomes of the VIFs that a client attaches to a node."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controller.hardware.interface import Facts, accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network interface; none changes anything on a switch."""

    keeps_vifs: bool
    """Each VIF takes a free port or port group; else they are taken and forgotten, as by Ironic's ``noop``."""
    properties: Mapping[str, str] = field(default_factory=dict)
    validate: Callable[[Facts], None] = accept


NOOP = Network(keeps_vifs=False)
FLAT = Network(keeps_vifs=True)
