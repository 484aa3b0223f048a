"""A TFTP client as GRUB is one: asks for a block size and the file's size, takes blocks in order."""

import socket

_BLOCK_BYTES = 1024


class TftpError(Exception):
    """The server's error: number and text."""


def read_file(
    port: int,
    name: str,
    *,
    host: str = "127.0.0.1",
    source: str | None = None,
    window: int = 1,
    options: bool = True,
    timeout_s: float = 10,
) -> bytes:
    """Return a file.

    Raises:
        TftpError: The server refuses.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        if source:
            client.bind((source, 0))
        words = [name.encode(), b"octet"]
        if options:
            words += [b"blksize", b"%d" % _BLOCK_BYTES, b"tsize", b"0"]
        if window > 1:
            words += [b"windowsize", b"%d" % window]
        client.sendto(b"\0\x01" + b"\0".join(words) + b"\0", (host, port))
        return _receive(client, window, _BLOCK_BYTES if options else 512, host)


def _receive(client: socket.socket, window: int, block_bytes: int, host: str) -> bytes:
    data, number, size = b"", 0, None
    while True:
        packet, server = client.recvfrom(2048)
        assert server[0] == host, "the answer comes from another address than was asked"
        if packet[:2] == b"\0\x05":
            raise TftpError(f"{int.from_bytes(packet[2:4])} {packet[4:-1].decode()}")
        if packet[:2] == b"\0\x06":
            words = packet[2:].split(b"\0")
            size = int(words[words.index(b"tsize") + 1])
            client.sendto(b"\0\x04\0\0", server)
            continue
        if int.from_bytes(packet[2:4]) != number + 1 & 0xFFFF:
            continue
        number += 1
        data += packet[4:]
        is_last = len(packet) - 4 < block_bytes
        if is_last or number % window == 0:
            client.sendto(b"\0\x04" + (number & 0xFFFF).to_bytes(2), server)
        if is_last:
            assert size in (None, len(data))
            return data
