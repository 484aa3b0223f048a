"""The agent's certificate and its TLS server, seen from outside."""

import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from tests.integration.agent_process import Agent, Conductor
from tests.integration.agent_process_site import agent, controller
from tests.integration.fake_controller import FakeController

__all__ = ["agent", "controller"]


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def test_the_order_gets_through_while_strangers_hold_connections(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    beat = controller.heartbeat().body
    conductor = Conductor(agent, beat)
    address = address_of(beat["callback_url"])
    context = ssl.create_default_context(cadata=beat["agent_verify_ca"])
    with ExitStack() as stack:
        for begun in (b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n"):
            for _ in range(100):
                silent = stack.enter_context(socket.create_connection(address))
                silent.sendall(begun)
        for head in (
            b"",
            b"GET / HTTP/1.1\r\n",
            b"POST /v1/commands/ HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        ):
            for _ in range(10):
                plain = stack.enter_context(socket.create_connection(address))
                encrypted = stack.enter_context(
                    context.wrap_socket(plain, server_hostname=address[0])
                )
                encrypted.sendall(head)
        assert conductor.commands() == []  # its time limit is shorter than a held connection's
        watcher = 1  # of the test's own, see end_with_parent
        assert psutil.Process(agent.pid).num_threads() <= 8 + watcher


def test_the_controllers_oldest_tls_version_is_kept(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    beat = controller.heartbeat().body
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=beat["agent_verify_ca"])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    address = address_of(beat["callback_url"])
    with (
        socket.create_connection(address) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol version"),
    ):
        context.wrap_socket(plain, server_hostname=address[0])
    assert Conductor(agent, beat).commands() == []


def test_plain_http_to_the_tls_port_is_dropped(agent: Agent, controller: FakeController) -> None:
    agent.start()
    beat = controller.heartbeat().body
    plain = beat["callback_url"].replace("https://", "http://")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{plain}/", timeout=10)
    assert Conductor(agent, beat).commands() == []
    assert "Traceback" not in agent.log.read_text()


def certificate_text(pem: str, *wanted: str) -> str:
    argv = ["openssl", "x509", "-noout", "-text", *wanted]
    done = subprocess.run(argv, input=pem, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("curve", ["p256", "p384", "p521"])
def test_the_certificate_is_for_this_address_and_valid_for_a_slow_clock(
    agent: Agent, controller: FakeController, curve: str
) -> None:
    agent.start(f"ipa-tls-certificate-curve={curve}")
    pem = controller.heartbeat().body["agent_verify_ca"]
    text = certificate_text(pem)
    assert "IP Address:127.0.0.1" in text
    assert f"NIST CURVE: P-{curve[1:]}" in text
    begin, end = (
        ssl.cert_time_to_seconds(line.partition("=")[2])
        for line in certificate_text(pem, "-dates").splitlines()
        if line.startswith(("notBefore", "notAfter"))
    )
    assert begin == pytest.approx(time.time() - 7 * 86400, abs=120)
    assert end == pytest.approx(time.time() + 30 * 86400, abs=120)
