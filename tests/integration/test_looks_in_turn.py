"""However many idle machines' power is due to be read at once, a controller begins so many looks in a second and no more."""

import time
from pathlib import Path

from sqlalchemy import update

from controller.store.tables import BACKGROUND, Work
from controller.workflow.lane import Lane
from controller.workflow.outage import Outage
from controller.workflow.running import Running
from tests.integration.controller_api import make_api

PER_S = 20.0
AT_ONCE = 16


def test_what_was_left_for_a_night_is_not_done_all_at_once(tmp_path: Path) -> None:
    api = make_api(tmp_path)
    for number in range(80):
        api.node(name=f"n{number}")
    with api.services.store.edit() as session:
        session.execute(update(Work).where(Work.lane == BACKGROUND).values(due_at=0.0))
    begun: list[float] = []
    lane = Lane(
        api.services,
        BACKGROUND,
        32,
        running=Running(),
        outage=Outage(),
        do=lambda _run: begun.append(time.monotonic()),
        per_s=PER_S,
    )
    lane.keep_alive()
    try:
        began, give_up_at = time.monotonic(), time.monotonic() + 60
        while len(begun) < 80 and time.monotonic() < give_up_at:
            lane.wake()
            time.sleep(0.01)
    finally:
        lane.stop()
        api.services.store.close()
    assert len(begun) == 80
    assert max(begun) - began >= (80 - AT_ONCE) / PER_S - 0.1
