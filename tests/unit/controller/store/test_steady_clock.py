from hypothesis import given
from hypothesis import strategies as st

from controller.store.steady_clock import STEP_S, Difference, SteadyClock, correction


class Clocks:
    """A wall clock that can be set, and a monotonic one."""

    def __init__(self) -> None:
        self.wall_s = 1_700_000_000.0
        self.monotonic_s = 1000.0

    def wall(self) -> float:
        return self.wall_s

    def monotonic(self) -> float:
        return self.monotonic_s

    def go(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


def make() -> tuple[SteadyClock, Clocks]:
    clocks = Clocks()
    return SteadyClock(wall=clocks.wall, monotonic=clocks.monotonic), clocks


def test_it_begins_with_the_wall_clock() -> None:
    steady, clocks = make()
    assert steady() == clocks.wall_s
    clocks.go(10)
    assert steady() == clocks.wall_s


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(-1e6, 1e6)), max_size=20))
def test_no_step_of_the_wall_clock_moves_it(steps: list[tuple[float, float]]) -> None:
    steady, clocks = make()
    began, gone = steady(), 0.0
    for seconds, step in steps:
        clocks.go(seconds)
        gone += seconds
        clocks.wall_s += step
        assert abs(steady() - began - gone) < 1e-3


def test_a_step_is_noticed_once_and_what_people_read_is_the_true_time() -> None:
    steady, clocks = make()
    deadline_at = steady() + 60
    assert steady.notice_step() is None
    clocks.wall_s -= 3600
    assert steady.notice_step() == -3600
    assert steady.notice_step() is None
    assert steady.to_wall(deadline_at) == clocks.wall_s + 60


def test_a_clock_that_only_runs_a_little_fast_has_not_been_set() -> None:
    steady, clocks = make()
    clocks.go(1)
    clocks.wall_s += STEP_S / 2
    assert steady.notice_step() is None


def test_a_controller_that_comes_back_goes_on_where_the_last_one_stopped() -> None:
    steady, clocks = make()
    steady.begin_at(500.0)
    assert steady() == 500.0
    assert steady.notice_step() is None
    clocks.go(5)
    assert steady() == 505.0


def test_small_differences_between_controllers_are_taken_at_once_and_tiny_ones_left() -> None:
    assert correction(0.5, 7, None) == (0.5, None)
    assert correction(-0.5, 7, None) == (-0.5, None)
    assert correction(0.01, 7, None) == (0.0, None)


def test_a_large_difference_must_outlive_two_beats() -> None:
    shift, seen = correction(100.0, 7, None)
    assert (shift, seen) == (0.0, Difference(seconds=100.0, beat=7))
    assert correction(100.1, 8, seen) == (0.0, seen)
    assert correction(100.1, 9, seen) == (100.1, None)
    assert correction(0.0, 9, seen) == (0.0, None)  # the database's clock was set between two beats
