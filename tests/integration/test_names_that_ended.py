"""Names of controllers that ended long ago cost the beat of those that live nothing; what one of them had claimed is freed."""

from pathlib import Path

from sqlalchemy import event, select, update

from controller.store.nodes import get_node
from controller.store.tables import WORKFLOW, Conductor, Work
from controller.workflow.keeper import Keeper
from controller.workflow.outage import Outage
from controller.workflow.running import Running
from controller.workflow.transition import enter_stage
from tests.integration.controller_api import Api, make_api

DEAD = 30


def beat(api: Api, keeper: Keeper) -> int:
    """Return how many transactions that write a beat makes."""
    begun = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        begun.extend([statement] if statement == "BEGIN IMMEDIATE" else [])

    event.listen(api.services.store.engine, "before_cursor_execute", note)
    keeper._beat()
    event.remove(api.services.store.engine, "before_cursor_execute", note)
    return len(begun)


def test_names_of_long_ago_cost_nothing_and_claims_of_the_dead_are_freed(tmp_path: Path) -> None:
    api = make_api(tmp_path)
    services = api.services
    with services.store.read() as session:
        instance = session.scalar(select(Conductor.instance)) or ""
    keeper = Keeper(services, [], Running(), Outage(), instance)
    api.node(name="m1")
    keeper._beat()
    before = beat(api, keeper)
    with services.store.edit() as session:
        for number in range(DEAD):
            dead = {"started_at": 1.0, "seen_at": 1.0, "beat": 1, "instance": None}
            session.add(Conductor(hostname=f"pod-{number}", **dead))
    assert beat(api, keeper) == before
    with services.store.edit() as session:
        enter_stage(services, get_node(session, "m1", for_update=True), "power.on")
    with services.store.edit() as session:
        claimed = {"claim_id": "1-1", "claim_owner": "pod-7", "due_at": None}
        session.execute(update(Work).where(Work.lane == WORKFLOW).values(claimed))
    keeper._beat()
    with services.store.read() as session:
        work = get_node(session, "m1").work
        assert work is not None
        assert (work.claim_owner, work.due_at is None) == (None, False)
    services.store.close()
