"""How often a password is shown to an IPMI BMC that refuses it: each time counts for its lock-out."""

from collections.abc import Iterator

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmi_logins import RefusedLogins
from controller.bmc.ipmi_pool import WorkerPool
from controller.bmc.ipmitool import IpmitoolDriver
from controller.errors import BmcAuthenticationFailed, BmcUnreachable
from controller.hardware.bmc import PowerState
from tests.integration.bmc_doubles import PlainBmcs

pytestmark = pytest.mark.timeout(120)

Driver = IpmiDriver | IpmitoolDriver


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def shared_bmcs() -> Iterator[PlainBmcs]:
    made = PlainBmcs()
    yield made
    made.stop()


@pytest.fixture
def bmcs(shared_bmcs: PlainBmcs) -> Iterator[PlainBmcs]:
    shared_bmcs.set_faults()
    yield shared_bmcs
    shared_bmcs.set_faults()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["pyghmi", "ipmitool"])
def driver(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Driver]:
    logins = RefusedLogins(clock)
    if request.param == "ipmitool":
        yield IpmitoolDriver(logins)
        return
    made = IpmiDriver(WorkerPool(logins=logins))
    yield made
    made.close()


def test_a_wrong_password_is_shown_again_only_after_a_wait_that_grows(
    driver: Driver, bmcs: PlainBmcs, clock: Clock
) -> None:
    wrong = driver.connect(bmcs.info(ipmi_password="not-the-password"))
    for wait_s in (60, 120):
        with pytest.raises(BmcAuthenticationFailed, match=f"tried again in {wait_s} s"):
            wrong.power_state(timeout_s=20)
        bmcs.set_faults(mute=1)  # whoever asks now gets no answer
        clock.now_s += wait_s - 1
        with pytest.raises(BmcAuthenticationFailed, match=r"was refused; check .* in 1 s") as held:
            driver.connect(bmcs.info(ipmi_password="not-the-password")).power_state(timeout_s=20)
        assert "127.0.0.1 port" in str(held.value)
        assert "not-the-password" not in str(held.value)
        clock.now_s += 2
        with pytest.raises(BmcUnreachable):
            wrong.power_state(timeout_s=2)
        bmcs.set_faults()


def test_what_was_corrected_is_tried_at_once(driver: Driver, bmcs: PlainBmcs) -> None:
    wrong = driver.connect(bmcs.info(ipmi_password="not-the-password"))
    with pytest.raises(BmcAuthenticationFailed):
        wrong.power_state(timeout_s=20)
    right = driver.connect(bmcs.info())
    assert right.power_state(timeout_s=20) in set(PowerState)
    with pytest.raises(BmcAuthenticationFailed, match="was refused"):
        wrong.power_state(timeout_s=20)


def test_silence_before_a_password_was_shown_holds_nothing_back(
    driver: Driver, bmcs: PlainBmcs
) -> None:
    nobody = driver.connect(bmcs.info(ipmi_username="nobody"))
    with pytest.raises(BmcAuthenticationFailed) as refused:
        nobody.power_state(timeout_s=30)
    assert "tried again" not in str(refused.value)
