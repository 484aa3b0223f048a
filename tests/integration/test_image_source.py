import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller.errors import Invalid
from controller.images.source import check_reachable


class _Answer(BaseHTTPRequestHandler):
    """Answers HEAD with the status that the path names."""

    def do_HEAD(self) -> None:
        self.send_response(int(self.path[1:4]))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def web_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_server_that_does_not_answer_in_time_is_a_warning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/disk.qcow2"
        warning = str(check_reachable(url, timeout_s=0.1))
    assert "its server did not answer within 0.1 s (nothing came)" in warning


def test_an_image_that_is_there_needs_no_words(web_server: str) -> None:
    assert check_reachable(f"{web_server}/200", timeout_s=60) is None


@pytest.mark.parametrize("status", [401, 403, 405, 429, 500, 503])
def test_an_answer_to_head_that_says_nothing_about_get_is_a_warning(
    web_server: str, status: int
) -> None:
    warning = str(check_reachable(f"{web_server}/{status}?signature=geheim", timeout_s=60))
    assert f"answers {status} to HEAD; the machine itself will try" in warning
    assert "geheim" not in warning


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_image_that_is_not_there_is_refused(web_server: str, status: int) -> None:
    with pytest.raises(Invalid, match=f"answers {status}"):
        check_reachable(f"{web_server}/{status}", timeout_s=60)


@pytest.mark.parametrize("url", ["oci://127.0.0.1:1/debian:12", "file:///mnt/disk.raw"])
def test_only_web_servers_are_asked(url: str) -> None:
    assert check_reachable(url, timeout_s=60) is None


@pytest.mark.parametrize("host", [f"{'a' * 300}.test", "a..test", "x:99999"])
def test_an_address_that_nobody_can_have_is_refused(host: str) -> None:
    with pytest.raises(Invalid, match=r"correct instance_info\.image_source"):
        check_reachable(f"http://me:geheim@{host}/image", timeout_s=60)
