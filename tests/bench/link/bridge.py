"""A long line between two network namespaces, for kernels without netem: ``python -m tests.bench.link.bridge NEAR FAR MBIT MS``.

A tun device in each namespace; this process carries the packets across and lets each wait for the line to be free (its rate)
and then for half of the round trip. Packets that would wait longer than the queue holds are dropped. Segmentation offload stays
on, as with real network cards; the line's time of a large segment is that of the frames it would become.

Source: Linux, Documentation/networking/tuntap.rst and include/uapi/linux/virtio_net.h.
"""

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field

from tests.lab.namespace import inside

DEVICE = "line"
_TUNSETIFF, _TUNSETOFFLOAD, _TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_TUN_F_CSUM, _TUN_F_TSO4 = 0x01, 0x02
_HEADER = struct.Struct("<BBHHHH")
"""``virtio_net_hdr``: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset."""
_MAX_PACKET_BYTES = 1 << 17
_ETHERNET_BYTES = 38
"""Header, check sequence, preamble and gap of a frame."""
_QUEUE_S = 0.025
"""A little more than a round trip, as in a switch with shallow buffers."""
_BATCH = 32


def wire_bytes(packet: bytes) -> int:
    """Return what a packet with its ``virtio_net_hdr`` takes of the line; a large segment becomes several frames."""
    header_bytes, gso_bytes = map(int, _HEADER.unpack_from(packet)[2:4])
    size = len(packet) - _HEADER.size
    frames = -(-(size - header_bytes) // gso_bytes) if gso_bytes else 1
    return size + (frames - 1) * header_bytes + frames * _ETHERNET_BYTES


@dataclass(kw_only=True)
class Direction:
    """One way of the line; times are of the monotonic clock."""

    bytes_per_s: float
    delay_s: float
    free_at: float = 0.0
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    dropped: int = 0

    def accept(self, packet: bytes, now: float) -> None:
        """Send a packet off, or drop it."""
        starts = max(now, self.free_at)
        if starts - now > _QUEUE_S:
            self.dropped += 1
            return
        self.free_at = starts + wire_bytes(packet) / self.bytes_per_s
        self.waiting.append((self.free_at + self.delay_s, packet))

    def due(self, now: float) -> list[bytes]:
        """Return the packets that have arrived."""
        arrived = []
        while self.waiting and self.waiting[0][0] <= now:
            arrived.append(self.waiting.popleft()[1])
        return arrived

    def next_s(self, now: float) -> float | None:
        """Return the time to the next arrival; ``None`` = nothing is under way."""
        return max(0.0, self.waiting[0][0] - now) if self.waiting else None


def open_tun(namespace: str) -> int:
    """Make the tun device in ``namespace`` and return its descriptor."""
    with inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), flags))
        fcntl.ioctl(descriptor, _TUNSETVNETHDRSZ, struct.pack("i", _HEADER.size))
        fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _TUN_F_CSUM | _TUN_F_TSO4)
    return descriptor


def carry(near: int, far: int, bytes_per_s: float, round_trip_s: float) -> None:
    """Carry packets both ways, for ever."""
    ways = {
        near: (far, Direction(bytes_per_s=bytes_per_s, delay_s=round_trip_s / 2)),
        far: (near, Direction(bytes_per_s=bytes_per_s, delay_s=round_trip_s / 2)),
    }
    while True:
        now = time.monotonic()
        pauses = [wait for _, way in ways.values() if (wait := way.next_s(now)) is not None]
        readable, _, _ = select.select(list(ways), [], [], min(pauses, default=None))
        for source in readable:
            _take(source, ways[source][1])
        now = time.monotonic()
        for target, way in ways.values():
            for packet in way.due(now):
                try:
                    os.write(target, packet)
                except OSError:  # the far end is not up yet, or takes no more: as on a real line
                    way.dropped += 1


def _take(source: int, way: Direction) -> None:
    """Take what has come, a batch at most."""
    for _ in range(_BATCH):
        try:
            packet = os.read(source, _MAX_PACKET_BYTES)
        except BlockingIOError:
            return
        way.accept(packet, time.monotonic())


def main(near: str, far: str, mbit: str, round_trip_ms: str) -> None:
    """Make both devices, say so, and carry until the process is ended."""
    descriptors = open_tun(near), open_tun(far)
    print("ready", flush=True)  # noqa: T201  # the harness waits for it
    carry(*descriptors, float(mbit) * 1e6 / 8, float(round_trip_ms) / 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
