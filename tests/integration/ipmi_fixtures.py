"""The laboratory's IPMI BMC and both drivers for it; for modules that import the fixtures."""

from collections.abc import Iterator

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmitool import IpmitoolDriver
from tests.integration.bmc_doubles import LabMachine, lab_machine

Driver = IpmiDriver | IpmitoolDriver


@pytest.fixture(scope="module")
def shared_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabMachine]:
    with lab_machine(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def machine(shared_machine: LabMachine) -> Iterator[LabMachine]:
    shared_machine.bmc.set_faults()
    with shared_machine.network.inside():
        yield shared_machine


@pytest.fixture(params=["pyghmi", "ipmitool"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    if request.param == "ipmitool":
        yield IpmitoolDriver()
        return
    made = IpmiDriver()
    yield made
    made.close()
