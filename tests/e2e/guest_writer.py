"""Runs in the deploy ramdisk in the place of the agent's start: writes one image, as it is told, with the agent's code.

The image comes from a web server in the same guest, whose content is the disk IMAGE; the order is the JSON on the disk ORDER.
It begins with a line on the console, so that the machine can be frozen right before. Imports nothing of the tests.
"""

import fcntl
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner

TARGET, IMAGE, ORDER = (
    Path(f"/dev/disk/by-id/virtio-{name}") for name in ("target", "image", "order")
)
_BLKFLSBUF = 0x1261
_PIECE_BYTES = 1 << 18


def read_anew(disk: Path, start_byte: int, size_bytes: int) -> bytes:
    """Read a disk whose content was changed behind the guest's back."""
    with disk.open("rb") as file:
        fcntl.ioctl(file, _BLKFLSBUF)
        file.seek(start_byte)
        return file.read(size_bytes)


class Handler(BaseHTTPRequestHandler):
    """Serves the first bytes of the disk IMAGE under every name."""

    protocol_version = "HTTP/1.1"
    size_bytes = 0

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Keep quiet."""

    def do_GET(self) -> None:
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        start = int(asked[1]) if asked else 0
        end = min(int(asked[2]) + 1 if asked and asked[2] else self.size_bytes, self.size_bytes)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{self.size_bytes}")
        self.send_header("Content-Length", str(end - start))
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        with IMAGE.open("rb") as file:
            file.seek(start)
            try:
                while start < end:
                    piece = file.read(min(_PIECE_BYTES, end - start))
                    self.wfile.write(piece)
                    start += len(piece)
            except OSError:
                return  # the writer had enough


def say(text: str) -> None:
    """Print a line on the console."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write(order: dict[str, Any], port: int) -> None:
    with TARGET.open("rb") as file:
        size_bytes = file.seek(0, os.SEEK_END)
    disk = BlockDevice(
        path=TARGET.resolve(),
        size_bytes=size_bytes,
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=False,
    )
    image = ImageInfo(id="i", urls=[f"http://127.0.0.1:{port}/image"], checksum=order["checksum"])
    StreamingImageWriter(HostRunner()).write_image(
        image, order["configdrive"], disk, lambda _progress: None
    )


def main() -> None:
    while not all(disk.exists() for disk in (TARGET, IMAGE, ORDER)):
        time.sleep(0.1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Path("/dev/ttyS0").open("rb", buffering=0) as keyboard:
        say("guest writer: ready")
        keyboard.read(1)
    order = json.loads(read_anew(ORDER, 0, 1 << 20).rstrip(b"\0"))
    Handler.size_bytes = order["size_bytes"]
    read_anew(IMAGE, 0, 1)
    try:
        write(order, server.server_port)
        say("guest writer: written")
    except AgentError as error:
        say(f"guest writer: failed: {type(error).__name__}: {error} (end)")
    threading.Event().wait()


main()
