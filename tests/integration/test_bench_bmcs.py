"""The BMCs of the benchmark are such that each driver can talk to them, and their faults are what they are called."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.redfish import RedfishDriver
from controller.errors import BmcAuthenticationFailed, BmcUnreachable
from tests.bench.bmcs.drivers import IPMITOOL, LOOK, PROTOCOLS, SWITCH_ON, driver
from tests.bench.bmcs.plan import BenchBmc, Fault, Protocol
from tests.bench.bmcs.rack import Rack, make_certificate, racks

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("bench bmcs")]
FAULTS = {Fault.DEAD: BmcUnreachable, Fault.WRONG_PASSWORD: BmcAuthenticationFailed}
BMCS = tuple(
    BenchBmc(number=number, protocol=protocol, fault=fault)
    for protocol in Protocol
    for number, fault in enumerate((Fault.NONE,) * len(PROTOCOLS) + tuple(Fault))
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("bmcs"))


@pytest.fixture(scope="module")
def running(certificate: Path) -> Iterator[Sequence[Rack]]:
    with racks(BMCS, certificate) as made:
        yield made


def is_on(running: Sequence[Rack], bmc: BenchBmc) -> bool:
    return any(rack.on_at().get(bmc.name) is not None for rack in running)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_driver_switches_a_machine_on(
    running: Sequence[Rack], certificate: Path, name: str
) -> None:
    if name == IPMITOOL and shutil.which("ipmitool") is None:
        pytest.skip("ipmitool is not installed")
    number = list(PROTOCOLS).index(name)
    bmc = BenchBmc(number=number, protocol=PROTOCOLS[name])
    info = bmc.driver_info(os.fspath(certificate.with_suffix(".crt")))
    with driver(name) as call:
        call(info, LOOK)
        assert not is_on(running, bmc)
        call(info, SWITCH_ON)
    assert is_on(running, bmc)


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("fault", list(FAULTS))
def test_the_faults_are_what_they_are_called(
    running: Sequence[Rack], certificate: Path, protocol: Protocol, fault: Fault
) -> None:
    bmc = next(one for one in BMCS if (one.protocol, one.fault) == (protocol, fault))
    made = IpmiDriver() if protocol is Protocol.IPMI else RedfishDriver()
    try:
        connection = made.connect(bmc.driver_info(os.fspath(certificate.with_suffix(".crt"))))
        with pytest.raises(FAULTS[fault]):
            connection.power_on(timeout_s=3)
    finally:
        made.close()
    assert not is_on(running, bmc)
