"""How a console interface has a machine's serial line opened: by a program of its own, so that no BMC can hold another up.

The program is a Python module, started once as ``python -m MODULE DESCRIPTOR`` (``controller/peers/fork_host.py``); it forks a child for
every line, with a packet socket to the controller. The first packet is the ``order``. Then each packet is a kind, one byte, and
what belongs to it. To the child: ``TYPED`` with bytes, ``BREAK``. From it: ``SHOWN`` with bytes, ``OPENED``, ``REFUSED`` (what was
typed is not taken now; ``OPENED`` when it is again), and as its last packet ``FAILED`` with one sentence in UTF-8, or ``DENIED`` where user or password are wrong.
Either ends with the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

MOST_PACKET_BYTES = 4096
TYPED, BREAK = b"t", b"b"
SHOWN, OPENED, REFUSED, FAILED, DENIED = b"s", b"o", b"r", b"f", b"d"


class HoldsLogins(Protocol):
    """The waiting of one login that its BMC has refused, as of all that use it; for any number of threads."""

    @property
    def left_s(self) -> float:
        """For how many seconds more it is not to be tried; 0 = it may be."""

    def refused(self) -> None:
        """Note that the BMC refused it."""

    def accepted(self) -> None:
        """Note that it is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProgram:
    """What opens a machine's serial line."""

    module: str
    order: bytes = field(repr=False)
    """What the child is told first; may hold secrets. At most ``MOST_PACKET_BYTES``."""
    where: str
    """What messages call the BMC."""
    hold: HoldsLogins | None = field(default=None, compare=False, repr=False)
    """Of the login that the line is opened with, where others log in with it, too; ``None`` = the console waits for itself."""


@runtime_checkable
class OpensLine(Protocol):
    """A console interface whose consoles the controller that owns the node keeps open, stores and shares."""

    def line_program(self, driver_info: Mapping[str, Any]) -> LineProgram:
        """Return what opens the line; asks nobody.

        Raises:
            Invalid: ``driver_info`` lacks something.
        """


def console_address(node_uuid: str) -> Mapping[str, Any]:
    """Return what ``GET .../states/console`` tells of a console of ours; the API puts its own address before the path."""
    return {"type": "ingot", "url": f"/v1/nodes/{node_uuid}/console"}
