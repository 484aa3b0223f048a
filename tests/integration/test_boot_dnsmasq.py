"""The supervised dnsmasq: what it gives to which firmware, what it refuses to start with, that it is always there."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from controller.boot.dnsmasq import Dnsmasq
from controller.boot.dnsmasq_log import DhcpEvent
from controller.errors import SettingsError
from controller.settings import Settings
from tests.integration.pxe_client import PxeClient
from tests.lab.network import Network

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]
_TAP = "client"


@pytest.fixture(scope="module")
def shared_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network(scratch=tmp_path_factory.mktemp("network"))
    network.add_tap(_TAP)
    yield network
    network.close()


@pytest.fixture
def network(shared_network: Network) -> Iterator[Network]:
    with shared_network.inside():
        yield shared_network


@pytest.fixture
def settings(network: Network, tmp_path: Path) -> Settings:
    return Settings(
        state_directory=str(tmp_path),
        public_url=f"http://{network.gateway}:6385",
        dhcp="range",
        dhcp_interface=network.bridge,
        dhcp_range=f"{network.address(50)},{network.address(60)},255.255.255.0",
    )


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def ignore(_event: DhcpEvent) -> None:
    """Not every test cares for leases."""


@pytest.fixture
def dnsmasq(settings: Settings) -> Iterator[Dnsmasq]:
    made = Dnsmasq(settings, ignore)
    made.start()
    yield made
    made.stop()


@pytest.mark.usefixtures("dnsmasq")
def test_every_firmware_gets_a_loader_that_it_can_run(network: Network) -> None:
    url = f"http://{network.gateway}:6385"
    with PxeClient(_TAP) as client:
        assert client.discover(architecture=0).boot_file == "undionly.kpxe"
        assert client.discover(architecture=7).boot_file == "snponly.efi"
        assert client.discover(architecture=9).boot_file == "snponly.efi"
        offer = client.discover(architecture=16, is_http=True)
        assert offer.boot_file == f"{url}/boot/loader/snponly.efi"
        assert offer.vendor_class == "HTTPClient"


@pytest.mark.usefixtures("dnsmasq")
@pytest.mark.parametrize("architecture", [0, 7, 9, 11])
def test_ipxe_gets_the_script_whatever_it_runs_on(network: Network, architecture: int) -> None:
    with PxeClient(_TAP) as client:
        offer = client.discover(architecture=architecture, is_ipxe=True)
    assert offer.boot_file == f"http://{network.gateway}:6385/boot/ipxe"
    assert offer.address.startswith(network.address(1).rpartition(".")[0])


@pytest.fixture
def proxy(network: Network, settings: Settings) -> Iterator[Dnsmasq]:
    made = Dnsmasq(replace(settings, dhcp="proxy", dhcp_range=network.address(0)), ignore)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.usefixtures("proxy")
def test_a_proxy_names_the_script_and_gives_out_no_address(network: Network) -> None:
    with PxeClient(_TAP) as client:
        offer = client.discover(architecture=0, is_ipxe=True)
    assert offer.address == "0.0.0.0"
    assert offer.boot_file == f"http://{network.gateway}:6385/boot/ipxe"


def test_a_proxy_offers_nothing_to_a_card_whose_machine_runs_from_its_disk(
    proxy: Dnsmasq,
) -> None:
    with PxeClient(_TAP) as client:
        proxy.choose_loader(set(), {client.mac})
        for is_ipxe in (False, True):
            wait_until(partial(is_offered_nothing, client, is_ipxe=is_ipxe))
        proxy.choose_loader(set())
        wait_until(lambda: bool(client.discover(architecture=0, is_ipxe=True).boot_file))


def is_offered_nothing(client: PxeClient, *, is_ipxe: bool) -> bool:
    try:
        return not client.discover(architecture=0, is_ipxe=is_ipxe, timeout_s=2).boot_file
    except AssertionError:  # no offer
        return True


@pytest.fixture
def with_grub(settings: Settings, tmp_path: Path) -> Settings:
    """Files with the names of the signed loaders."""
    grub = ("grubnetx64.efi.signed", "gcdx64.efi.signed")
    names = ("shim/shimx64.efi.signed", *(f"grub/x86_64-efi-signed/{name}" for name in grub))
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return replace(settings, grub_directory=str(tmp_path))


def test_a_card_is_given_grub_or_ipxe_as_its_node_wants_without_a_restart(
    with_grub: Settings,
) -> None:
    made = Dnsmasq(with_grub, ignore)
    made.start()
    try:
        with PxeClient(_TAP) as client:
            assert client.discover(architecture=7).boot_file == "snponly.efi"
            made.choose_loader({client.mac})
            wait_until(lambda: client.discover(architecture=7).boot_file == "shimx64.efi")
            offer = client.discover(architecture=16, is_http=True)
            assert offer.boot_file.endswith(":6385/boot/medium.img")
            assert offer.vendor_class == "HTTPClient"
            assert client.discover(architecture=0).boot_file == "undionly.kpxe"
            made.choose_loader(set())
            wait_until(lambda: client.discover(architecture=7).boot_file == "snponly.efi")
    finally:
        made.stop()


def test_a_card_whose_machine_runs_from_its_disk_is_given_an_address_and_no_loader(
    with_grub: Settings,
) -> None:
    made = Dnsmasq(with_grub, ignore)
    made.start()
    try:
        with PxeClient(_TAP) as client:
            made.choose_loader({client.mac}, {client.mac})
            wait_until(lambda: not client.discover(architecture=0).boot_file)
            assert not client.discover(architecture=7).boot_file
            offer = client.discover(architecture=0, is_ipxe=True)
            assert not offer.boot_file
            assert offer.address != "0.0.0.0"
            made.choose_loader(set())
            wait_until(lambda: client.discover(architecture=0).boot_file == "undionly.kpxe")
    finally:
        made.stop()


@pytest.mark.parametrize("is_alone", [True, False])
def test_dnsmasq_takes_what_it_is_told_for_ipv6(
    network: Network, settings: Settings, is_alone: bool
) -> None:
    network.run("ip", "address", "replace", "fd00:6::1/64", "dev", network.bridge, "nodad")
    url = "http://[fd00:6::1]:6385" if is_alone else "http://boot.example:6385"
    six = replace(settings, dhcp6_range="fd00:6::100,fd00:6::1ff", public_url=url)
    made = Dnsmasq(replace(six, dhcp_range="") if is_alone else six, ignore)
    made.start()
    try:
        assert made.check()
        with PxeClient(_TAP) as client:
            if not is_alone:
                assert client.discover(architecture=7).boot_file == "snponly.efi"
    finally:
        made.stop()


def test_dnsmasq_that_dies_is_started_again(dnsmasq: Dnsmasq) -> None:
    first = children()[0]
    first.kill()
    wait_until(lambda: any(child.pid != first.pid for child in children()))
    assert dnsmasq.check()
    with PxeClient(_TAP) as client:
        assert client.discover(architecture=0).boot_file == "undionly.kpxe"


def test_nothing_of_it_is_left_after_stopping(settings: Settings) -> None:
    made = Dnsmasq(settings, ignore)
    made.start()
    assert children()
    made.stop()
    assert not children()
    assert not made.check()


def test_it_ends_with_a_controller_that_is_killed(settings: Settings) -> None:
    program = (
        "import time\n"
        "from controller.boot.dnsmasq import Dnsmasq\n"
        "from controller.settings import Settings\n"
        f"Dnsmasq({settings!r}, print).start()\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    controller = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert controller.stdout is not None
    assert controller.stdout.readline() == "ready\n"
    family = psutil.Process(controller.pid).children()
    assert [process.name() for process in family] == ["dnsmasq"]
    controller.send_signal(signal.SIGKILL)
    controller.communicate()
    assert not psutil.wait_procs(family, timeout=5)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dhcp_interface": "nothere"}, "there is no network interface 'nothere'.*lab0"),
        ({"tftp_directory": "/nonexistent"}, "install the package ipxe or set tftp_directory"),
        ({"dhcp_range": "192.0.2.9,203.0.113.1,255.255.255.0"}, "dnsmasq does not start on lab0"),
    ],
)
def test_what_cannot_work_is_refused_with_a_reason(
    settings: Settings, change: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        Dnsmasq(replace(settings, **change), ignore).start()  # type: ignore[arg-type]
    assert not children()


def test_another_dhcp_server_on_the_interface_is_noticed(settings: Settings) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 67))
        with pytest.raises(SettingsError, match="UDP port 67 of lab0 is taken"):
            Dnsmasq(settings, ignore).start()


def test_a_range_that_does_not_fit_the_interface_is_warned_of(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    made = Dnsmasq(replace(settings, dhcp_range="203.0.113.1,203.0.113.9,255.255.255.0"), ignore)
    made.start()
    try:
        with PxeClient(_TAP) as client, pytest.raises(AssertionError, match="no offer"):
            client.discover(architecture=0, timeout_s=2)
    finally:
        made.stop()
    assert "no address range available for DHCP request via lab0" in caplog.text


def children() -> list[psutil.Process]:
    """Return the dnsmasq processes of this process."""
    return [child for child in psutil.Process().children() if child.name() == "dnsmasq"]
