from controller.workflow.pace import Pace


def test_few_machines_are_asked_as_often_as_the_setting_says() -> None:
    clock = [100.0]
    pace = Pace(50.0, lambda: clock[0])
    for _ in range(100):
        assert pace.pause_s(1.0) == 1.0
        clock[0] += 0.02


def test_many_machines_share_what_a_controller_asks_in_a_second() -> None:
    clock = [100.0]
    pace = Pace(50.0, lambda: clock[0])
    due = sorted(clock[0] + pace.pause_s(1.0) for _ in range(1000))
    for _ in range(5000):
        clock[0] = due.pop(0)
        due = sorted([*due, clock[0] + pace.pause_s(1.0)])
    assert 6000 / 50 - 21 <= clock[0] - 100 <= 6000 / 50 + 1
    assert 19 <= due[-1] - clock[0] <= 21


def test_a_long_pause_of_one_machine_delays_no_other() -> None:
    pace = Pace(50.0, lambda: 1.0)
    assert pace.pause_s(600.0) == 600.0
    assert pace.pause_s(0.5) == 0.5


def test_after_a_rest_nothing_is_left_of_the_row() -> None:
    clock = [0.0]
    pace = Pace(50.0, lambda: clock[0])
    for _ in range(500):
        pace.pause_s(0.5)
    assert pace.pause_s(0.5) > 10
    clock[0] += 60
    assert pace.pause_s(0.5) == 0.5
