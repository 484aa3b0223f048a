"""The laboratory's Redfish BMC and the driver's connection to it, new for each test; for modules that import the fixtures."""

from collections.abc import Iterator

import pytest

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from tests.integration.redfish_doubles import RedfishLab, driver_info, redfish_lab


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    with shared.as_new() as made:
        yield made


@pytest.fixture
def driver(lab: RedfishLab) -> Iterator[RedfishDriver]:
    made = RedfishDriver()
    yield made
    lab.bmc.set_faults()
    made.close()


@pytest.fixture
def bmc(lab: RedfishLab, driver: RedfishDriver) -> RedfishBmc:
    return driver.connect(driver_info(lab))
