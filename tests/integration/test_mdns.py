"""The agent finds a service that the real zeroconf library announces, as real Ironic does with it."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import LookupFailed
from agent.system.mdns import ask_network, find_service

PEER = Path(__file__).parents[2] / "build/peers/ipa/bin/python"
ANNOUNCE = """
import socket, sys, time
from zeroconf import ServiceInfo, Zeroconf
zeroconf = Zeroconf()
zeroconf.register_service(ServiceInfo(
    "_openstack._tcp.local.", "ingot-test._openstack._tcp.local.", port=6385, server="ingot-test-host.local.",
    addresses=[socket.inet_aton("192.0.2.7")], properties={"protocol": "http", "path": "/x", "ipa_ntp_server": "192.0.2.9"}))
print("announced", flush=True)
time.sleep(60)
"""


@pytest.fixture
def _announced() -> Iterator[None]:
    if not PEER.exists():
        pytest.skip(f"make peers installs {PEER}")
    with subprocess.Popen([PEER, "-c", ANNOUNCE], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"announced\n"
            yield
        finally:
            process.kill()


@pytest.fixture
def babbled() -> Iterator[list[bytes]]:
    """Somebody answers every question at once with what is no answer; the questions."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        channel.bind(("224.0.0.251", 5353))
        for index, _ in socket.if_nameindex():
            group = socket.inet_aton("224.0.0.251") + bytes(4) + index.to_bytes(4, "little")
            channel.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)

        def babble() -> None:
            while message := channel.recvfrom(9000):
                if message[0] == b"end":
                    return
                if message[1][1] != 5353:  # a question of ours, not what the library says to all
                    heard.append(message[0])
                    channel.sendto(b"nonsense", message[1])

        thread = threading.Thread(target=babble)
        thread.start()
        try:
            yield heard
        finally:
            channel.sendto(b"end", ("224.0.0.251", 5353))
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.usefixtures("_announced")
def test_nonsense_that_comes_first_hides_nobody(babbled: list[bytes]) -> None:
    assert find_service("ingot-test", 3, ask_network).url == "http://192.0.2.7:6385/x"
    assert babbled


@pytest.mark.usefixtures("_announced")
def test_a_service_of_the_real_library_is_found() -> None:
    service = find_service("ingot-test", 3, ask_network)
    assert service.url == "http://192.0.2.7:6385/x"
    assert service.settings == {"ntp_server": "192.0.2.9"}


def test_nobody_is_waited_for_no_longer_than_the_attempts_take() -> None:
    began = time.monotonic()
    with pytest.raises(LookupFailed, match="no nobody-here"):
        find_service("nobody-here", 2, ask_network)
    assert time.monotonic() - began < 5
