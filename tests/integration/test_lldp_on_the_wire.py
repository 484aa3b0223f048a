"""Real LLDP frames on veth pairs in a network namespace of their own: a switch's side sends, the collector listens."""

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from agent.hardware.devices import NetworkInterface
from agent.protocol.lldp import ETHERTYPE, as_raw
from hardware_managers.generic.collectors.lldp import listen, lldp
from tests.lab import namespace
from tests.lab.program import run
from tests.unit.agent.protocol.lldp_frames import MANDATORY, SWITCH, frame

pytestmark = pytest.mark.root
_CARDS = ("card0", "card1", "card2")


@pytest.fixture
def inside() -> Iterator[None]:
    name = f"ingot-l{os.getpid()}"
    run("ip", "netns", "add", name)
    try:
        for number, card in enumerate(_CARDS):
            peer = f"switch{number}"
            run("ip", "-n", name, "link", "add", card, "type", "veth", "peer", "name", peer)
            for end in (card, peer):
                run("ip", "-n", name, "link", "set", end, "up")
        with namespace.inside(name):
            yield
    finally:
        namespace.remove(name)


def send(interface: str, *frames: bytes) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, ETHERTYPE))
        for one in frames:
            wire.send(one)


def in_a_moment(interface: str, *frames: bytes) -> threading.Timer:
    """Send when somebody listens; the thread is in the namespace of the one that starts it."""
    timer = threading.Timer(0.3, send, (interface, *frames))
    timer.start()
    return timer


def nic(name: str, *, has_carrier: bool = True, card: bool = True) -> NetworkInterface:
    return NetworkInterface(
        name=name,
        mac="02:00:00:00:00:01",
        has_carrier=has_carrier,
        pci_address="0000:00:02.0" if card else None,
    )


@pytest.mark.usefixtures("inside")
def test_all_cards_are_heard_at_once_and_the_wait_ends_when_all_have_heard() -> None:
    senders = [in_a_moment("switch0", frame(SWITCH)), in_a_moment("switch1", frame(MANDATORY))]
    began = time.monotonic()
    found = lldp([nic("card0"), nic("card1"), nic("bond0", card=False)], 20)
    assert time.monotonic() - began < 10
    assert found["lldp_raw"] == {"card0": as_raw(SWITCH), "card1": as_raw(MANDATORY)}
    assert found["parsed_lldp"]["card0"]["switch_system_name"] == "tor-a1"
    for sender in senders:
        sender.join()


@pytest.mark.usefixtures("inside")
def test_a_silent_card_costs_the_deadline_and_one_without_a_carrier_nothing() -> None:
    began = time.monotonic()
    found = lldp([nic("card0"), nic("card1", has_carrier=False)], 1)
    assert 1 <= time.monotonic() - began < 5
    assert found == {"lldp_raw": {"card0": [], "card1": []}, "parsed_lldp": {}}
    began = time.monotonic()
    assert lldp([nic("card1", has_carrier=False)], 20)["lldp_raw"] == {"card1": []}
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("inside")
def test_noise_before_the_neighbour_and_own_frames_do_not_count() -> None:
    noise = [frame(MANDATORY)[:18] + bytes([n]) * 60 for n in range(200)]
    own = in_a_moment("card0", frame((*MANDATORY, (5, b"myself"))))
    sender = in_a_moment("switch0", *noise, frame(SWITCH))
    assert listen(["card0"], 20) == {"card0": SWITCH}
    own.join()
    sender.join()


@pytest.mark.usefixtures("inside")
def test_an_interface_that_is_not_there_does_not_keep_the_others_from_hearing() -> None:
    sender = in_a_moment("switch2", frame(SWITCH))
    assert listen(["nothing0", "card2"], 20) == {"card2": SWITCH}
    sender.join()


@pytest.mark.usefixtures("inside")
def test_cards_are_not_left_in_promiscuous_mode() -> None:
    listen(["card0"], 0.1)
    assert "PROMISC" not in run("ip", "link", "show", "card0")
