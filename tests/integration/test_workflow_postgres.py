from pathlib import Path

import pytest
from sqlalchemy import select

from controller.store.tables import Work
from tests.integration.postgres_server import postgres_server
from tests.integration.running_controller import IMAGE, RunningController

NODES = 8


@pytest.mark.postgres
def test_two_controllers_share_the_work_on_one_postgresql(tmp_path: Path) -> None:
    with postgres_server() as url:
        one = RunningController(tmp_path, database_url=url, hostname="one")
        two = RunningController(tmp_path, database_url=url, hostname="two", driver=one.driver)
        one.start()
        two.start()
        try:
            names = [f"m{number}" for number in range(NODES)]
            for name in names:
                one.enrol(name, "manageable", instance_info=IMAGE)
                one.ask(name, "provide")
            for name in names:
                one.wait_for(name, "available", timeout_s=60)
                two.ask(name, "active")
            for name in names:
                two.wait_for(name, "active", timeout_s=60)
            machines = [bmc.machine for bmc in one.driver.bmcs.values()]
            assert [len(machine.ordered("write_image")) for machine in machines] == [1] * NODES
            with one.store.read() as session:
                claims = session.scalars(select(Work.claim_owner)).all()
            assert set(claims) == {None}
        finally:
            two.stop()
            one.stop()
