"""Nodes and stages that were left with a controller which is gone get another, whenever they were left there."""

from typing import Any

from sqlalchemy import event, select, update

from controller.store.conductors import report_alive
from controller.store.nodes import get_node
from controller.store.tables import Conductor, Node, Work
from controller.workflow.ownership import Controller
from controller.workflow.takeover import Takeover
from controller.workflow.transition import enter_stage
from tests.integration.controller_api import Api


def living(api: Api) -> list[Controller]:
    with api.services.store.read() as session:
        return [Controller.of(row) for row in session.scalars(select(Conductor))]


def owners(api: Api) -> tuple[set[str | None], set[str | None]]:
    with api.services.store.read() as session:
        nodes = set(session.scalars(select(Node.conductor)))
        return nodes, set(session.scalars(select(Work.conductor)))


def give_to(api: Api, conductor: str) -> None:
    with api.services.store.edit() as session:
        session.execute(update(Node).values(conductor=conductor))
        session.execute(update(Work).values(conductor=conductor))


def test_a_node_that_was_given_to_a_controller_just_after_its_death_is_taken_over(api: Api) -> None:
    takeover = Takeover(api.services)
    takeover.look(living(api))  # everybody who lives is known; from here on nobody comes or goes
    api.node(name="one")
    give_to(api, "dead")
    takeover.look(living(api))
    assert owners(api) == ({"lab-1"}, {"lab-1"})


def test_nodes_without_a_controller_are_looked_for_in_an_index_alone(api: Api) -> None:
    """Every few seconds: a node's row lies on as many pages as its inventory and its config drive need."""
    store, asked = api.services.store, list[tuple[str, Any]]()
    takeover = Takeover(api.services)
    takeover.look(living(api))
    api.node(name="one")

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: object) -> None:
        asked.append((statement, values))

    event.listen(store.engine, "before_cursor_execute", note)
    takeover.look(living(api))
    event.remove(store.engine, "before_cursor_execute", note)
    queries = [one for one in asked if one[0].startswith("SELECT") and "FROM nodes" in one[0]]
    assert queries
    with store.engine.connect() as connection:
        plans = [
            row[3]
            for statement, values in queries
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert not [plan for plan in plans if plan.startswith("SCAN nodes") and "COVERING" not in plan]


def test_a_stage_whose_adopter_has_gone_is_adopted_again(api: Api) -> None:
    takeover = Takeover(api.services)
    api.node(name="one")
    takeover.look(living(api))
    with api.services.store.edit() as session:
        enter_stage(api.services, get_node(session, "one"), "power.on")
    with api.services.store.edit() as session:
        session.execute(update(Work).values(conductor="dead"))
    takeover.look(living(api))
    assert owners(api) == ({"lab-1"}, {"lab-1"})


def test_a_controller_that_was_silent_for_a_lease_is_no_longer_the_oldest(api: Api) -> None:
    store = api.services.store
    with store.edit() as session:
        session.execute(update(Conductor).values(seen_at=Conductor.seen_at - 3600, started_at=1.0))
    report_alive(store, "lab-1", "1", lease_s=30.0)
    with store.read() as session:
        assert session.scalars(select(Conductor.started_at)).one() > 1.0
    with store.edit() as session:
        session.execute(update(Conductor).values(started_at=1.0))
    report_alive(store, "lab-1", "1", lease_s=30.0)
    with store.read() as session:
        assert session.scalars(select(Conductor.started_at)).one() == 1.0
