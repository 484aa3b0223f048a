from controller.store.claims import Claim, Room
from controller.store.tables import Work
from controller.workflow.running import SLOW_S, Running


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def claim(number: int, *, is_suspect: bool = False, lane: str = "workflow") -> Claim:
    work = Work(id=number, lane=lane, stage="power.on", is_suspect=is_suspect)
    return Claim(id=str(number), work=work)


def test_suspects_get_half_of_the_threads_and_a_slow_run_becomes_one() -> None:
    clock = Clock()
    running = Running(clock)
    assert running.room("workflow", 8) == Room(any=8, suspects=4)
    running.begin(claim(1, is_suspect=True))
    running.begin(claim(2))
    running.begin(claim(3, lane="background"))
    assert running.room("workflow", 8) == Room(any=6, suspects=3)
    clock.now += SLOW_S + 0.1
    assert running.room("workflow", 8) == Room(any=6, suspects=2)


def test_healthy_runs_that_all_become_slow_leave_room_for_others_and_never_without_end() -> None:
    clock = Clock()
    running = Running(clock)
    for number in range(8):
        running.begin(claim(number))
    assert running.room("workflow", 8) == Room(any=0, suspects=4)
    clock.now += SLOW_S + 0.1
    assert running.room("workflow", 8) == Room(any=4, suspects=-4)
    for number in range(8, 40):
        running.begin(claim(number))
    clock.now += SLOW_S + 0.1
    assert running.room("workflow", 8).any < 0


def test_one_thread_is_enough_for_suspects_too() -> None:
    assert Running(Clock()).room("workflow", 1) == Room(any=1, suspects=1)


def test_a_run_that_has_ended_is_forgotten_and_a_later_one_of_the_same_work_is_not() -> None:
    running = Running(Clock())
    first = running.begin(claim(1))
    second = running.begin(claim(1))
    running.end(first)
    assert running.all() == [second]
    running.end(second)
    assert running.all() == []
