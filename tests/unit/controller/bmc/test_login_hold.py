import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.bmc.login_hold import LoginGate, LoginHold
from controller.errors import BmcAuthenticationFailed, BmcUnreachable


def test_each_refusal_holds_the_next_login_back_for_longer() -> None:
    now = 5.0
    hold = LoginHold(lambda: now)
    assert hold.left_s == 0
    waited = []
    for _ in range(6):
        hold.refused()
        waited.append(hold.left_s)
        now += hold.left_s
        assert hold.left_s == 0
    assert waited == [60, 120, 240, 480, 900, 900]


def test_it_begins_anew_once_the_login_was_good() -> None:
    now = 0.0
    hold = LoginHold(lambda: now)
    hold.refused()
    now = 61.0
    hold.accepted()
    hold.refused()
    assert hold.left_s == 60
    now += 20
    assert hold.left_s == 40


def test_what_is_refused_while_it_is_held_back_does_not_count() -> None:
    now = 0.0
    hold = LoginHold(lambda: now)
    for _ in range(24):
        hold.refused()
    assert hold.left_s == 60
    now = 60.0
    hold.refused()
    assert hold.left_s == 120


class Host:
    """Lets in, or does not, and counts."""

    def __init__(self, *, is_open: bool, callers: int = 0) -> None:
        self.callers = callers
        self.arrived = 0
        self.gate = LoginGate(4)
        self.is_open = is_open
        self.logins = self.inside = self.most = 0
        self.lock = threading.Lock()
        self.crowd = threading.Event()

    def call(self) -> str:
        with self.lock:
            self.arrived += 1
        try:
            with self.gate.turn("host", 30):
                self._let_others_wait()
                with self.lock:
                    self.logins += 1
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                    if self.inside == 4:
                        self.crowd.set()
                if self.logins > 1:
                    self.crowd.wait(5)
                with self.lock:
                    self.inside -= 1
                if self.is_open:
                    self.gate.accepted()
                    return "in"
                self.gate.refused()
                return "refused"
        except BmcAuthenticationFailed as error:
            return str(error)

    def _let_others_wait(self) -> None:
        """Have the first login take so long that all the others wait for a place."""
        while self.arrived < self.callers:
            time.sleep(0.001)
        time.sleep(0.05 if self.callers > 1 and not self.logins else 0)


@pytest.mark.parametrize("callers", [1, 2, 24])
def test_a_wrong_login_is_tried_once_however_many_wait(callers: int) -> None:
    host = Host(is_open=False, callers=callers)
    with ThreadPoolExecutor(callers) as pool:
        said = list(pool.map(lambda _: host.call(), range(callers)))
    assert host.logins == 1
    assert said.count("refused") == 1
    assert sum("tried again in" in one for one in said) == callers - 1


def test_a_good_login_is_alone_once_and_then_has_company() -> None:
    host = Host(is_open=True)
    assert host.call() == "in"
    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(lambda _: host.call(), range(24))) == ["in"] * 24
    assert host.most == 4


def test_a_place_that_does_not_become_free_is_told() -> None:
    gate = LoginGate(1)
    with (
        gate.turn("host", 5),
        pytest.raises(BmcUnreachable, match=r"host: not asked within 0 s"),
        gate.turn("host", 0.01),
    ):
        pass
    with gate.turn("host", 5):
        pass
