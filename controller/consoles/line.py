"""What the keeper of the consoles knows of one of them."""

import socket
from dataclasses import dataclass, field

from controller.bmc.login_hold import LoginHold
from controller.consoles.shared_line import SharedLine
from controller.hardware.console import HoldsLogins, LineProgram

FIRST_WAIT_S = 1.0
"""How long a line that was lost waits before it is opened again; then ever longer."""


@dataclass(eq=False, slots=True)
class Line:
    """A console and the program that has its line."""

    uuid: str
    program: LineProgram
    shared: SharedLine
    channel: socket.socket | None = None
    hold: HoldsLogins = field(default_factory=LoginHold)
    retry_at: float = 0.0
    wait_s: float = FIRST_WAIT_S
    opened_at: float | None = None
    """``None`` = it is not open."""
    was_lost: bool = False
