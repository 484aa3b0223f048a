"""nginx on loopback that serves a folder, with sendfile."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.ports import free_port
from tests.lab.program import Program

_START_TIMEOUT_S = 10
_CONFIG = """
daemon off;
user root;
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    default_type application/octet-stream;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    server {{ listen {address}:{port}; root {folder}; }}
}}
"""


@contextmanager
def web_server(folder: Path, scratch: Path, address: str = "127.0.0.1") -> Iterator[str]:
    """Serve ``folder`` on ``address``; gives the URL without a slash at the end.

    Raises:
        LabError: nginx is missing or did not start.
    """
    port = free_port(address=address)
    config = scratch / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            scratch=scratch.resolve(), folder=folder.resolve(), port=port, address=address
        )
    )
    nginx = Program("nginx", ["nginx", "-c", str(config.resolve())], log=scratch / "nginx.log")
    nginx.start()
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _listens(address, port) and time.monotonic() < deadline:
            nginx.must_run()
            time.sleep(0.05)
        yield f"http://{address}:{port}"
    finally:
        nginx.stop()


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0
