"""Our writer in a process of its own: ``python -m tests.bench.images.ours URL SHA256 DEVICE``."""

import json
import os
import struct
import sys
import time
from fcntl import ioctl
from pathlib import Path

from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner

_BLKGETSIZE64 = 0x80081272


def main(url: str, sha256: str, device: str) -> None:
    """Write the image, and print what that alone took: the agent runs already when an order comes."""
    with Path(device).open("rb") as file:
        size = struct.unpack("Q", ioctl(file, _BLKGETSIZE64, bytes(8)))[0]
    disk = BlockDevice(
        path=Path(device),
        size_bytes=size,
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=False,
    )
    image = ImageInfo(id="bench", urls=[url], os_hash_algo="sha256", os_hash_value=sha256)
    cpu_before_s, started = sum(os.times()[:4]), time.monotonic()
    StreamingImageWriter(HostRunner()).write_image(image, None, disk, lambda _report: None)
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "cpu_before_s": cpu_before_s}))  # noqa: T201  # the harness reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
