"""A real server is asked for the file that was meant, by our agent and controller as by curl and requests."""

import subprocess
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
import requests

from agent.images.sources import http
from agent.protocol.web_address import encode_url
from controller.images.source import check_reachable
from tests.integration.scripted_server import Asked, Script, head, scripted_server

NAMES = [
    "a b.img",
    "bücher 漢字.img",
    "100%.img",
    "100%25.img",
    "a+b&c=d;e,f.img",
    "{x}|^`.img",
    "a%2Fb.img",
]


def _target(asked: Asked) -> str:
    return asked.text.split(" ")[1]


def _redirecting(location: bytes) -> Script:
    def script(asked: Asked) -> Iterator[bytes]:
        if _target(asked).endswith("/start"):
            yield b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
        else:
            yield head("200 OK", Content_Length=0)

    return script


def _plain(_asked: Asked) -> Iterator[bytes]:
    yield head("200 OK", Content_Length=0)


@pytest.mark.parametrize("name", NAMES)
def test_all_ask_for_the_same_file(name: str) -> None:
    with scripted_server(_plain) as server:
        written = f"HTTP{server.url[4:]}/folder/{name}"
        with http.get(written, http.Access()):
            pass
        assert check_reachable(written, timeout_s=10) is None
        encoded = encode_url(written)
        requests.get(encoded, timeout=10)
        subprocess.run(["curl", "-gsS", "-o", "/dev/null", encoded], check=True, timeout=30)
        targets = [_target(asked) for asked in server.asked]
        assert len(targets) == 4
        assert len({unquote(target) for target in targets}) == 1, targets
        assert unquote(targets[0]) == f"/i/folder/{unquote(name)}"
        assert " " not in targets[0]
        assert targets[0].isascii()


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/b c.img", "/b%20c.img"),
        ("/bü.img".encode(), "/b%C3%BC.img"),
        ("/bü.img".encode("latin-1"), "/b%FC.img"),
        (b"next?a=1 2", "/i/next?a=1%202"),
    ],
)
def test_redirects_are_followed_to_what_the_server_means(location: bytes, target: str) -> None:
    with scripted_server(_redirecting(location)) as server:
        with http.get(f"{server.url}/start", http.Access()) as reply:
            assert reply.status == requests.codes.ok
        assert check_reachable(f"{server.url}/start", timeout_s=10) is None
        subprocess.run(
            ["curl", "-gsSL", "-o", "/dev/null", f"{server.url}/start"], check=True, timeout=30
        )
        followed = [
            _target(asked) for asked in server.asked if not _target(asked).endswith("/start")
        ]
        assert [one.replace("+", "%20").upper() for one in followed] == [target.upper()] * 3
