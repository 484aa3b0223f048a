"""How a machine learns its BMC's addresses: the real ipmitool against a BMC with LAN channels, over the network in place of /dev/ipmi0.

And how the controller learns the same of the BMC, by both of its drivers.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from agent.hardware.devices import BmcAddresses
from agent.system.runner import HostRunner, Output
from agent.system.sysfs import SysRoot
from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmitool import IpmitoolDriver
from controller.hardware.abilities import TellsAddresses
from hardware_managers.generic.bmc import IpmitoolBmcLocator
from tests.integration.bmc_doubles import PASSWORD, PlainBmcs

pytestmark = pytest.mark.timeout(120)
MAC = "525400aabb01"
STATIC, SLAAC, DHCPV6 = 0, 1, 2
ACTIVE, DISABLED = 0, 1
ENABLED = 0x80


class OverTheNetwork(HostRunner):
    """Runs ipmitool as asked, but towards a BMC on this machine."""

    def __init__(self, port: int, scratch: Path) -> None:
        secret = scratch / "password"
        secret.write_text(PASSWORD)
        target = ("-H", "127.0.0.1", "-p", str(port), "-U", "admin", "-f", str(secret))
        self._way = ("-I", "lanplus", *target)

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        words = (argv[0], *self._way, *argv[1:])
        return super().run(*words, timeout_s=timeout_s, ok=ok, stdin=stdin)


@pytest.fixture(scope="module")
def bmcs() -> Iterator[PlainBmcs]:
    made = PlainBmcs(count=1)
    yield made
    made.stop()


def channel(ipv4: str, *, mac: str = MAC, mode: str | None = None, **ipv6: str) -> dict[str, str]:
    """Return the parameters of a LAN channel; ``ipv6``: ``static_0="..."`` or ``dynamic_0="..."``, see :func:`entry`."""
    made = {
        "0.0": "00",
        "1.0": "04",
        "2.0": "0404040400",
        "3.0": IPv4Address(ipv4).packed.hex(),
        "4.0": "01",
        "5.0": mac,
        "6.0": "ffffff00",
    }
    if mode is not None:
        made["51.0"] = mode
    for name, value in ipv6.items():
        kind, _, number = name.partition("_")
        made[f"{ {'static': 56, 'dynamic': 59}[kind] }.{number}"] = f"{int(number):02x}{value}"
    return made


def entry(source: int, address: str, status: int = ACTIVE) -> str:
    return f"{source:02x}{IPv6Address(address).packed.hex()}40{status:02x}"


BOTH, ONLY_IPV6 = "02", "01"
NOTHING = entry(STATIC, "::", DISABLED)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        pytest.param({}, BmcAddresses(), id="no-lan"),
        pytest.param(
            {"1": channel("192.0.2.7")},
            BmcAddresses(ipv4="192.0.2.7", mac="52:54:00:aa:bb:01"),
            id="ipv4-of-a-bmc-without-ipv6-parameters",
        ),
        pytest.param(
            {
                "1": channel("0.0.0.0", mac="525400aabb00"),
                "8": channel(
                    "0.0.0.0",
                    mode=ONLY_IPV6,
                    static_0=entry(0, "2001:db8::bad"),
                    static_1=entry(ENABLED, "2001:db8::7"),
                    dynamic_0=entry(SLAAC, "fe80::7"),
                    dynamic_1=NOTHING,
                ),
            },
            BmcAddresses(ipv6="2001:db8::7", mac="52:54:00:aa:bb:01"),
            id="only-ipv6-on-the-second-channel",
        ),
        pytest.param(
            {
                "1": channel("169.254.0.1", mac="525400aabb00"),
                "3": channel("192.0.2.9", mode=BOTH, dynamic_0=entry(DHCPV6, "2001:db8::9")),
            },
            BmcAddresses(ipv4="192.0.2.9", ipv6="2001:db8::9", mac="52:54:00:aa:bb:01"),
            id="link-local-channel-first",
        ),
    ],
)
def test_a_machine_learns_the_addresses_of_its_bmc(
    bmcs: PlainBmcs,
    tmp_path: Path,
    channels: dict[str, dict[str, str]],
    expected: BmcAddresses,
) -> None:
    bmcs.set_faults(lan=channels)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/ipmi0").touch()
    runner = OverTheNetwork(bmcs.port, tmp_path)
    assert IpmitoolBmcLocator(runner, SysRoot(tmp_path)).bmc_addresses() == expected


@pytest.mark.parametrize("make", [IpmiDriver, IpmitoolDriver])
@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ({}, []),
        ({"1": channel("192.0.2.7")}, ["192.0.2.7"]),
        ({"1": channel("0.0.0.0"), "2": channel("127.0.0.1"), "3": channel("169.254.3.1")}, []),
        (
            {
                "1": channel("192.0.2.7", mode=BOTH, static_0=entry(ENABLED, "2001:db8::7")),
                "8": channel(
                    "192.0.2.9",
                    mode=BOTH,
                    static_0=entry(0, "2001:db8::bad"),
                    static_1=entry(ENABLED, "2001:db8::bad", DISABLED),
                    dynamic_0=entry(SLAAC, "fe80::7"),
                    dynamic_1=entry(DHCPV6, "2001:db8::d"),
                ),
            },
            ["192.0.2.7", "2001:db8::7", "192.0.2.9", "2001:db8::d"],
        ),
        (
            {"1": channel("192.0.2.7", mode="00", static_0=entry(ENABLED, "2001:db8::7"))},
            ["192.0.2.7"],
        ),
        ({"1": {"3.0": "c000"}, "2": {}}, []),
    ],
)
def test_the_controller_learns_them_of_the_bmc(
    bmcs: PlainBmcs,
    make: type[IpmiDriver] | type[IpmitoolDriver],
    channels: dict[str, dict[str, str]],
    expected: list[str],
) -> None:
    bmcs.set_faults(lan=channels)
    driver = make()
    try:
        bmc = driver.connect(bmcs.info())
        assert isinstance(bmc, TellsAddresses)
        assert bmc.addresses(timeout_s=20) == expected
    finally:
        if isinstance(driver, IpmiDriver):
            driver.close()
