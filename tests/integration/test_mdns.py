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
print("ready", flush=True)
sys.stdin.readline()
zeroconf.register_service(ServiceInfo(
    "_openstack._tcp.local.", "ingot-test._openstack._tcp.local.", port=6385, server="ingot-test-host.local.",
    addresses=[socket.inet_aton("192.0.2.7")], properties={"protocol": "http", "path": "/x", "ipa_ntp_server": "192.0.2.9"}))
print("announced", flush=True)
time.sleep(60)
"""


class Announcer:
    """The real library in a process of its own, which announces the service when it is told to."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def announce(self) -> None:
        """Return when the service is announced; whoever asks from then on is answered."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"announce\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"announced\n"


@pytest.fixture
def announcer() -> Iterator[Announcer]:
    if not PEER.exists():
        pytest.skip(f"make peers installs {PEER}")
    with subprocess.Popen(
        [PEER, "-c", ANNOUNCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"ready\n"
            yield Announcer(process)
        finally:
            process.kill()


@pytest.fixture
def babbled(announcer: Announcer) -> Iterator[list[bytes]]:
    """Somebody answers every question at once with what is no answer, and the service comes after that; the questions."""
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
                    if len(heard) == 1:
                        announcer.announce()

        thread = threading.Thread(target=babble)
        thread.start()
        try:
            yield heard
        finally:
            channel.sendto(b"end", ("224.0.0.251", 5353))
            thread.join(10)
            assert not thread.is_alive()


def test_nonsense_that_comes_first_hides_nobody(babbled: list[bytes]) -> None:
    assert find_service("ingot-test", 5, ask_network).url == "http://192.0.2.7:6385/x"
    assert babbled


def test_a_service_of_the_real_library_is_found(announcer: Announcer) -> None:
    announcer.announce()
    service = find_service("ingot-test", 3, ask_network)
    assert service.url == "http://192.0.2.7:6385/x"
    assert service.settings == {"ntp_server": "192.0.2.9"}


def test_nobody_is_waited_for_no_longer_than_the_attempts_take() -> None:
    began = time.monotonic()
    with pytest.raises(LookupFailed, match="no nobody-here"):
        find_service("nobody-here", 2, ask_network)
    assert time.monotonic() - began < 5
