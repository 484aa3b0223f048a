"""Clocks that are wrong: set by a time server or the controller's Date, and else told as what they are."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import ControllerUnreachable, ImageDownloadError
from agent.images.sources.http import Access
from agent.images.sources.source import HttpSource, RetryPolicy
from agent.lifecycle.controller_client import ConnectionOptions, ControllerClient
from agent.system.certificate import CertificateWish, obtain_certificate
from agent.system.clock import MachineClock, ask_time_server
from agent.system.runner import HostRunner
from controller.peers.http import Limits, PeerSilent, to_agent
from tests.integration.agent_process import Agent
from tests.integration.disk_images import run
from tests.integration.fake_controller import FakeController, fake_controller
from tests.integration.image_server import image_server

YEAR_S = 365 * 86400.0
_EPOCH_S = 2_208_988_800


@contextlib.contextmanager
def time_server(wrong_s: float) -> Iterator[str]:
    """Answer as a time server whose clock is wrong by so much."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.bind(("127.0.0.1", 0))

        def serve() -> None:
            while packet := served.recvfrom(512):
                question, asker = packet
                if not question:
                    return
                now = time.time() + wrong_s + _EPOCH_S
                stamp = struct.pack("!2I", int(now) % (1 << 32), int(now % 1 * (1 << 32)))
                head = struct.pack("!BB22x", 0x24, 1)
                served.sendto(head + question[40:48] + stamp + stamp, asker)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{served.getsockname()[1]}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", served.getsockname())
        thread.join()


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as served:
        yield served


@pytest.fixture
def agent(tmp_path: Path, controller: FakeController) -> Iterator[Agent]:
    made = Agent(tmp_path, controller)
    yield made
    made.stop()


def set_to(agent: Agent) -> float | None:
    """Return how wrong the clock is after the agent has set it; ``None`` = it has not."""
    file = agent.folder / "clock"
    return float(file.read_text()) if file.exists() else None


@pytest.mark.parametrize("wrong_s", [-20 * YEAR_S, 3600.0, 5 * YEAR_S])
def test_the_controllers_date_sets_a_wrong_clock_before_the_lookup(
    agent: Agent, controller: FakeController, wrong_s: float
) -> None:
    (agent.folder / "clock-offset").write_text(str(wrong_s))
    agent.start()
    controller.wait_for("GET", "/v1/lookup")
    assert set_to(agent) == pytest.approx(0, abs=10)


def test_a_clock_that_is_right_is_left_alone(agent: Agent, controller: FakeController) -> None:
    agent.start()
    controller.wait_for("GET", "/v1/lookup")
    assert set_to(agent) is None
    agent.wait_for_log("the clock is right")


def test_the_operators_time_server_comes_before_dhcps_and_that_before_the_date(
    agent: Agent, controller: FakeController
) -> None:
    with time_server(1000) as dhcp, time_server(2000) as operator:
        (agent.folder / "ntp-servers").write_text(f"{dhcp}\n")
        agent.start()
        controller.heartbeat()
        assert set_to(agent) == pytest.approx(1000, abs=5)
        agent.stop()
        agent.start(f"ipa-ntp-server={operator}")
        controller.heartbeat(2)
        assert set_to(agent) == pytest.approx(2000, abs=5)


def test_a_time_server_that_is_not_there_does_not_keep_the_agent(
    agent: Agent, controller: FakeController
) -> None:
    (agent.folder / "clock-offset").write_text("-1000000")
    agent.start("ipa-ntp-server=127.0.0.1:1,no-such-name.invalid")
    controller.heartbeat()
    assert set_to(agent) == pytest.approx(0, abs=10)
    agent.wait_for_log("no time from no-such-name.invalid")


def test_a_question_over_a_socket_finds_the_offset() -> None:
    with time_server(-12345) as server:
        assert ask_time_server(server, 10, MachineClock()) == pytest.approx(-12345, abs=5)


@contextlib.contextmanager
def dated_server(folder: Path, begin: timedelta, end: timedelta) -> Iterator[tuple[str, Path]]:
    """Serve https with a certificate of these dates, from now; its authority is itself."""
    now = datetime.now(UTC)
    key, made = folder / "key.pem", folder / "made.pem"
    config = folder / "ca.cnf"
    config.write_text(
        f"[ca]\ndefault_ca=o\n[o]\ndatabase={folder}/index\nnew_certs_dir={folder}\ndefault_md=sha256\n"
        "policy=p\nrand_serial=yes\nx509_extensions=e\n[p]\ncommonName=supplied\n"
        "[req]\ndistinguished_name=n\nprompt=no\n[n]\ncommonName=t\n"
        "[e]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE\n"
    )
    (folder / "index").touch()
    request = ("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    run(*request, "-noenc", "-config", str(config), "-keyout", str(key), "-out", f"{folder}/req")
    dates = [(now + delta).strftime("%Y%m%d%H%M%SZ") for delta in (begin, end)]
    sign = ("openssl", "ca", "-selfsign", "-batch", "-notext", "-config", str(config))
    files = ("-keyfile", str(key), "-in", f"{folder}/req", "-out", str(made))
    run(*sign, *files, "-startdate", dates[0], "-enddate", dates[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    with image_server() as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        yield server.url("").replace("http://", "https://").rstrip("/"), made


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        (timedelta(days=2), timedelta(days=9), "is not yet valid"),
        (timedelta(days=-9), timedelta(days=-2), "has expired"),
    ],
)
def test_every_client_tells_a_wrong_date_as_one(
    tmp_path: Path, begin: timedelta, end: timedelta, words: str
) -> None:
    with dated_server(tmp_path, begin, end) as (url, authority):
        client = ControllerClient([url], ConnectionOptions(verify=str(authority), timeout_s=10))
        with pytest.raises(ControllerUnreachable) as to_controller:
            client.newest_version()
        tls = ssl.create_default_context(cafile=str(authority))
        with pytest.raises(ImageDownloadError) as to_images:
            HttpSource(f"{url}/i", Access(tls=tls), RetryPolicy(tries=1)).read_into(
                memoryview(bytearray(10))
            )
        with to_agent(authority.read_text()) as http, pytest.raises(PeerSilent) as of_controller:
            http.call("GET", f"{url}/i", Limits(total_s=10, most_bytes=1000))
    for caught in (to_controller, to_images, of_controller):
        text = str(caught.value)
        assert f"has a TLS certificate that {words} by the clock of this machine" in text
        assert str(datetime.now(UTC).year) in text
        assert "like the server's; renew the certificate" in text


def test_an_agents_certificate_is_good_for_a_controller_whose_clock_is_days_behind(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    wish = CertificateWish(
        common_name="ingot", address="127.0.0.1", curve="p256", clock_skew_s=7 * 86400
    )
    made = obtain_certificate(wish, tmp_path, HostRunner(), now)
    asked = ("openssl", "x509", "-in", str(made.certificate_path), "-noout", "-startdate")
    began = ssl.cert_time_to_seconds(run(*asked).decode().strip().removeprefix("notBefore="))
    assert now.timestamp() - began >= 7 * 86400
