import logging

from agent.system.status import StatusBoard, TroubleKeeper


def test_the_board_knows_how_long_the_controller_has_been_silent() -> None:
    now = [10.0]
    board = StatusBoard(lambda: now[0])
    assert board.silent_s() is None
    board.heard()
    now[0] = 17.0
    board.not_heard("connection\nrefused")
    assert (board.silent_s(), board.read().silence) == (7.0, "connection refused")
    board.heard()
    assert (board.silent_s(), board.read().silence) == (0.0, None)


def test_the_last_warnings_are_kept_without_secrets() -> None:
    keeper, log = TroubleKeeper(), logging.getLogger("test.troubles")
    log.addHandler(keeper)
    log.info("quiet")
    log.error("no disk", extra={"password": "geheim", "disk": "/dev/sda"})
    for number in range(19):
        log.warning("late %s", number)
    texts = [one.text for one in keeper.troubles()]
    assert texts[0] == "no disk password=****** disk=/dev/sda"
    assert len(texts) == 20
    assert keeper.last_error() == keeper.troubles()[0]
    log.warning("one more")
    assert keeper.last_error() is None
