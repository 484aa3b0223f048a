"""The how-to page's nginx before a real controller: it sends the store's files itself, and passes uploads on."""

import hashlib
import os
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

from tests.integration.controller_process import controller_process
from tests.integration.test_image_store import ask, settled
from tests.integration.waiting import wait_until
from tests.lab.ports import free_port
from tests.lab.program import Program

_PAGE = Path(__file__).parents[2] / "docs/how-to/keep-images.md"
_AROUND = """
daemon off; user root; worker_processes 1; pid {scratch}/nginx.pid; error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log {scratch}/access.log;
    client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy; fastcgi_temp_path {scratch}/f;
    uwsgi_temp_path {scratch}/u; scgi_temp_path {scratch}/s;
    server {{ listen 127.0.0.1:{port};
{locations}
    }}
}}
"""


def test_nginx_sends_what_the_store_has_and_nothing_unfinished(tmp_path: Path) -> None:
    content = os.urandom(2 << 20)
    found = re.search(r"```nginx\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    assert found is not None
    port = free_port()
    with controller_process(tmp_path, image_store_free_mib=1, allowed_hosts="127.0.0.1") as url:
        folder = tmp_path / "state/image-store"
        locations = found[1].replace("/var/lib/ingot/image-store", str(folder))
        locations = locations.replace("http://127.0.0.1:6385", url)
        config = tmp_path / "nginx.conf"
        config.write_text(_AROUND.format(scratch=tmp_path, port=port, locations=locations))
        nginx = Program("nginx", ["nginx", "-c", str(config)], log=tmp_path / "nginx.log")
        nginx.start()
        try:
            wait_until(lambda: _listens(port), 10, "nginx")
            front = f"http://127.0.0.1:{port}"
            assert ask(f"{front}/v1/images", "POST", {"name": "sent"})[0] == 201
            place = f"{front}/v1/images/sent/file?size_bytes={len(content)}&start_byte="
            half = len(content) // 2
            assert ask(f"{place}0", "PUT", content[:half])[0] == 202
            uuid = next(folder.glob("*.part")).name.removesuffix(".part")
            assert _status(f"{front}/images/store/{uuid}") == 404
            assert _status(f"{front}/images/store/{uuid}.part") == 404
            assert ask(f"{place}{half}", "PUT", content[half:])[0] == 202
            image = settled(front, "sent")
            assert image["os_hash_value"] == hashlib.sha256(content).hexdigest()
            with urllib.request.urlopen(f"{front}/images/store/{uuid}", timeout=10) as reply:
                assert reply.headers["Server"].startswith("nginx")
                assert reply.read() == content
        finally:
            nginx.stop()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
