"""The agent finds a service that the real zeroconf library announces, as real Ironic does with it."""

import subprocess
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
