"""What the controller says to the program of a console (``controller/hardware/console.py``): to type something, or to send a break."""

import select
import socket

from controller.hardware.console import BREAK, MOST_PACKET_BYTES, TYPED


def next_order(channel: socket.socket, events: int) -> bytes | None:
    """Return what the controller says next, ``TYPED`` with bytes or ``BREAK``; ``None`` = nothing more, the console is to end.

    Args:
        channel: To the controller.
        events: What ``poll`` says of it.
    """
    if not events & select.POLLIN:
        return None
    try:
        message = channel.recv(MOST_PACKET_BYTES)
    except OSError:
        return None
    return message if message.startswith((TYPED, BREAK)) else None
