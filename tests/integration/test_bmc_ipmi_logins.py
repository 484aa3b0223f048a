"""How often a password is shown to an IPMI BMC that refuses it: each time counts for its lock-out."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmi_logins import RefusedLogins
from controller.bmc.ipmi_pool import WorkerPool
from controller.bmc.ipmitool import IpmitoolDriver
from controller.bmc.sol_console import SolConsole
from controller.consoles.lines import Consoles
from controller.consoles.shared_line import LineState
from controller.consoles.wanted import WantedConsole
from controller.errors import BmcAuthenticationFailed, BmcUnreachable
from controller.hardware.bmc import PowerState
from tests.integration.bmc_doubles import PlainBmcs
from tests.integration.waiting import wait_until

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


class LossyWay:
    """The way to a BMC on which the first packets of one kind are lost, whoever sends them."""

    def __init__(self, port: int, kind: int, count: int) -> None:
        self.left = count
        self._kind, self._target = kind, ("127.0.0.1", port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._backs: dict[Any, socket.socket] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for one in (self._socket, *self._backs.values()):
            one.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            sockets = [self._socket, *self._backs.values()]
            for ready in select.select(sockets, [], [], 0.1)[0]:
                data, peer = ready.recvfrom(4096)
                if self._is_lost(data):
                    continue
                if ready is self._socket:
                    if peer not in self._backs:
                        self._backs[peer] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    self._backs[peer].sendto(data, self._target)
                else:
                    client = next(one for one, back in self._backs.items() if back is ready)
                    self._socket.sendto(data, client)

    def _is_lost(self, data: bytes) -> bool:
        """Tell whether it is one of the packets that get lost (IPMI 2.0, 13.6: authentication type 6, then the payload type)."""
        if self.left == 0 or data[4] != 6 or data[5] & 0x3F != self._kind:
            return False
        self.left -= 1
        return True


@pytest.mark.parametrize("kind", [0x12, 0x15], ids=["RAKP 1", "RAKP 4"])
def test_a_message_of_the_login_that_is_lost_twice_is_no_refusal(
    bmcs: PlainBmcs, kind: int
) -> None:
    way = LossyWay(bmcs.port, kind, count=2)
    made = IpmiDriver()
    try:
        bmc = made.connect(bmcs.info(ipmi_port=way.port))
        assert bmc.power_state(timeout_s=30) in set(PowerState)
        assert way.left == 0
    finally:
        made.close()
        way.close()


def test_a_bmc_to_which_packets_were_lost_is_not_thought_slow_for_ever(bmcs: PlainBmcs) -> None:
    """A slow one gets a wait of four seconds for each packet; a call of three shows whether it does."""
    way = LossyWay(bmcs.port, kind=0x12, count=2)
    made = IpmiDriver(WorkerPool(idle_s=0.05))
    try:
        bmc = made.connect(bmcs.info(ipmi_port=way.port))
        bmc.power_state(timeout_s=30)
        time.sleep(0.1)
        bmc.power_state(timeout_s=30)  # another login, in which nothing is lost
        time.sleep(0.1)
        way.left = 1
        assert bmc.power_state(timeout_s=3) in set(PowerState)
        assert way.left == 0
    finally:
        made.close()
        way.close()


@pytest.mark.parametrize("is_console_first", [True, False])
def test_a_console_and_a_power_call_show_a_wrong_password_once_together(
    bmcs: PlainBmcs, tmp_path: Path, is_console_first: bool
) -> None:
    info = bmcs.info(ipmi_password=f"wrong-{is_console_first}")
    consoles = Consoles(tmp_path, most=1, log_bytes=100)
    driver = IpmiDriver()
    try:
        if not is_console_first:
            with pytest.raises(BmcAuthenticationFailed, match="refused: "):
                driver.connect(info).power_state(timeout_s=20)
        consoles.want({"a": WantedConsole(program=SolConsole().line_program(info), whose="")})
        consoles.keep_alive()
        wait_until(lambda: _reason(consoles) != "", 60, "a console that is not opened")
        words = "login: " if is_console_first else "the login was refused; it is tried again in"
        assert words in _reason(consoles)
        assert bool(consoles._hosts) is is_console_first, "a program was started"
        with pytest.raises(BmcAuthenticationFailed, match="was refused; check"):
            driver.connect(info).power_state(timeout_s=20)
    finally:
        consoles.stop()
        driver.close()


def _reason(consoles: Consoles) -> str:
    line = consoles.find("a")
    is_waiting = line is not None and line.standing().state is LineState.WAITING
    return line.standing().reason if line is not None and is_waiting else ""
