"""Ports that nobody has."""

import socket


def free_port(kind: int = socket.SOCK_STREAM, address: str = "127.0.0.1") -> int:
    """Return a port of an address that is free now; whoever wants it binds it soon."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
