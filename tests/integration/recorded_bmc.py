"""Recorded answers of a real machine's Redfish service, served again: a folder per resource with its ``index.json``.

The recordings are not part of the project: the environment variable ``INGOT_REDFISH_TREES`` names a folder with ``<machine>.tar.gz``,
such as those of NVIDIA's infra-controller (``crates/bmc-mock``).
"""

import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TREES = Path(os.environ.get("INGOT_REDFISH_TREES") or "/nonexistent")


def machines() -> list[str]:
    """Return the names of the machines that there are recordings of."""
    return sorted(file.name.removesuffix(".tar.gz") for file in TREES.glob("*.tar.gz"))


def unpacked(machine: str, folder: Path) -> Path:
    """Unpack a machine's tree and return the folder of its root."""
    with tarfile.open(TREES / f"{machine}.tar.gz") as archive:
        for member in archive:
            if member.isfile() and (folder / member.name).resolve().is_relative_to(folder):
                archive.extract(member, folder)
    return folder


@contextmanager
def served(tree: Path) -> Iterator[tuple[str, list[str]]]:
    """Give the address of a service that answers as the machine did, and the list of what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            asked.append(f"/{path}")
            file = tree / path / "index.json"
            is_inside = file.resolve().is_relative_to(tree.resolve())
            words = file.read_bytes() if is_inside and file.is_file() else b"{}"
            self.send_response(200 if is_inside and file.is_file() else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def do_POST(self) -> None:
            """Take every order, and do nothing."""
            words = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(f"POST {self.path} {words.decode()}")
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
