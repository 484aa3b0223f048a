"""Two controllers that note one place of a switch at one moment, on both kinds of database."""

import threading
from pathlib import Path

from controller.errors import Conflict
from controller.workflow.networks.move import move
from controller.workflow.networks.places import hold_places
from controller.workflow.networks.plan import Moment
from tests.integration.databases import postgres_url, url
from tests.integration.running_controller import IMAGE
from tests.integration.switch_site import BLUE, change_port, enrol, link, ports, switching

__all__ = ["postgres_url", "url"]
AT_M1 = {"switch": "tor-1", "port": "m1", "network": "VIF blue", "switchport": BLUE}


def test_who_looks_while_another_notes_waits_for_it(tmp_path: Path, url: str) -> None:
    with switching(tmp_path, database_url=url) as (controller, switch):
        for name in ("m1", "m2"):
            enrol(controller, name, "active", instance_info=IMAGE)
        change_port(controller, "m2", local_link_connection=link("m1"))
        (first, *_rest), node = ports(controller, "m1"), controller.node("m2")
        refused: list[str] = []

        def later() -> None:
            try:
                move(controller.services, node, Moment.TENANT)
            except Conflict as error:
                refused.append(str(error))

        thread = threading.Thread(target=later)
        with controller.store.edit() as session:  # as another controller does
            hold_places(session)
            session.merge(first).internal_info = {"switch_attachment": AT_M1}
            session.flush()
            thread.start()
            thread.join(1)
            assert thread.is_alive()
        thread.join(20)
        assert ["is where port " in one for one in refused] == [True]
        assert "m1" not in switch.ports()
