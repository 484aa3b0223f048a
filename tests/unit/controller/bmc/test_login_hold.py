from controller.bmc.login_hold import LoginHold


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
