"""Screens beside other projects' programs: the real ``baremetal`` client, and websockify, which Ironic's own proxy is made of."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.screen_site import Screens, enrol, qemu_screen, screen_site, viewer

PEERS = Path(__file__).resolve().parents[2] / "build/peers"
pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]
_WEBSOCKIFY = """
import socket, sys
from websockify.websocket import WebSocket
address, token = sys.argv[1:]
client = WebSocket()
client.connect(address, protocols=["binary", "ingot.token." + token])
client.socket.settimeout(30)
assert client.protocol == "binary", client.protocol
def receive(count):
    data = b""
    while len(data) < count:
        piece = client.recv()
        data += piece if isinstance(piece, bytes) else b""
    return data
assert receive(12) == b"RFB 003.008\\n"
client.send(b"RFB 003.008\\n")
assert receive(2) == b"\\1\\1"
client.send(b"\\1")
assert receive(4) == bytes(4)
client.send(b"\\1")
begin = receive(24)
print(int.from_bytes(begin[:2], "big"), int.from_bytes(begin[2:4], "big"))
"""


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Screens]:
    with qemu_screen(tmp_path / "qemu") as screen, screen_site(tmp_path) as (url, program):
        program.answers(path=str(screen.path), password=screen.password)
        yield enrol(url)


@pytest.mark.skipif(not (PEERS / "client").exists(), reason="make build/stamps/peer-client")
def test_the_real_client_shows_the_address_as_ironics(people: Screens, tmp_path: Path) -> None:
    def baremetal(*words: str) -> str:
        done = subprocess.run(
            [
                str(PEERS / "client/bin/baremetal"),
                *("--os-auth-type", "none", "--os-endpoint", people.url),
                *("node", "console", *words),
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    baremetal("disable", "m1")
    shown = json.loads(baremetal("show", "m1", "-f", "json"))
    assert shown == {"console_enabled": False, "console_info": None}
    baremetal("enable", "m1")
    shown = json.loads(baremetal("show", "m1", "-f", "json"))
    assert shown["console_enabled"] is True
    assert shown["console_info"]["type"] == "vnc"
    with people.browser(urlsplit(shown["console_info"]["url"]).fragment) as browser:
        viewer(browser)


@pytest.mark.skipif(not (PEERS / "ironic").exists(), reason="make build/stamps/peer-ironic")
def test_websockify_as_a_client_gets_to_the_picture(people: Screens) -> None:
    address = people.address.replace("http:", "ws:")
    done = subprocess.run(
        [str(PEERS / "ironic/bin/python"), "-c", _WEBSOCKIFY, address, people.token()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    width, height = map(int, done.stdout.split())
    assert width >= 640
    assert height >= 400
