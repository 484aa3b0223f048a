"""One place at a switch, several ports: what two nodes may not both have, and what a port that is not managed any more gives back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from controller.errors import Conflict
from controller.store.nodes import get_node
from controller.workflow.networks.move import Moved, is_in_place, move
from controller.workflow.networks.plan import Moment
from controller.workflow.questions import validate
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.switch_site import (
    BLUE,
    IDLE,
    FakeSwitchFiles,
    change_port,
    enrol,
    link,
    ports,
    switching,
)

Site = tuple[RunningController, FakeSwitchFiles]
AT_M1 = {"switch": "tor-1", "port": "m1", "network": "VIF blue", "switchport": BLUE}
VIF = {"tenant_vif_port_id": "blue"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with switching(tmp_path) as both:
        yield both


def moved(controller: RunningController, name: str, moment: Moment) -> Moved:
    """Move a node's ports, and store what came of it."""
    with controller.store.read() as session:
        node = get_node(session, name)
    found = move(controller.services, node, moment)
    for port in ports(controller, name):
        if port.uuid in found.ports:
            with controller.store.edit() as session:
                session.merge(port).internal_info = found.ports[port.uuid]["internal_info"]
    return found


@pytest.mark.parametrize(
    "columns",
    [
        {"local_link_connection": {**link("m1"), "network_type": "unmanaged"}},
        {"is_smartnic": True},
        {"local_link_connection": {}, "pxe_enabled": False, "internal_info": {}},
    ],
)
def test_a_port_that_is_not_managed_any_more_gives_its_place_back(
    site: Site, columns: dict[str, Any]
) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE)
    moved(controller, "m1", Moment.TENANT)
    assert switch.ports()["m1"] == BLUE
    if "internal_info" in columns:  # without the VIF
        columns = {**columns, "internal_info": {"switch_attachment": AT_M1}}
    change_port(controller, "m1", **columns)
    moved(controller, "m1", Moment.TENANT)
    assert switch.ports()["m1"] == IDLE
    assert "switch_attachment" not in ports(controller, "m1")[0].internal_info
    assert is_in_place(controller.services, controller.node("m1"), Moment.TENANT)
    enrol(controller, "m2", "available", instance_info=IMAGE)
    change_port(controller, "m2", local_link_connection=link("m1"))
    assert validate(controller.services, "m2")["network"] == {"result": True}


def test_a_place_that_another_port_of_the_node_takes_over_is_its_alone(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE)
    moved(controller, "m1", Moment.TENANT)
    first, second = ports(controller, "m1")
    with controller.store.edit() as session:
        one, other = session.merge(first), session.merge(second)
        one.local_link_connection = {"network_type": "unmanaged"}
        one.internal_info = {"switch_attachment": AT_M1}
        other.local_link_connection, other.internal_info = link("m1"), VIF
    moved(controller, "m1", Moment.TENANT)
    infos = [port.internal_info for port in ports(controller, "m1")]
    assert infos == [{}, {**VIF, "switch_attachment": AT_M1}]
    assert switch.ports()["m1"] == BLUE


def overtaken(controller: RunningController, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the port of ``m1`` noted at its place when ``m2`` has looked and has not yet noted anything."""
    real, mine = controller.store.edit, threading.get_ident()

    @contextmanager
    def edit() -> Iterator[Session]:
        if threading.get_ident() == mine:  # the engine's threads have their own
            monkeypatch.setattr(controller.store, "edit", real)
            change_port(controller, "m1", internal_info={**VIF, "switch_attachment": AT_M1})
        with real() as session:
            yield session

    monkeypatch.setattr(controller.store, "edit", edit)


@pytest.mark.parametrize("moment", [Moment.TENANT, Moment.IDLE])
def test_of_two_nodes_at_one_place_the_later_one_sees_the_other(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: Moment
) -> None:
    controller, switch = site
    for name in ("m1", "m2"):
        enrol(controller, name, "active", instance_info=IMAGE)
    change_port(controller, "m2", local_link_connection=link("m1"))
    overtaken(controller, monkeypatch)
    words = f"is where port {ports(controller, 'm1')[0].address} of node m1 is attached"
    if moment is Moment.TENANT:
        with pytest.raises(Conflict, match=words):
            moved(controller, "m2", moment)
    else:
        (warning,) = moved(controller, "m2", moment).warnings
        assert words in warning
    assert "m1" not in switch.ports()
    assert ports(controller, "m2")[0].internal_info == VIF


def test_a_place_that_is_left_is_not_taken_from_another_node(site: Site) -> None:
    controller, switch = site
    for name in ("m1", "m2"):
        enrol(controller, name, "active", instance_info=IMAGE)
    moved(controller, "m1", Moment.TENANT)
    change_port(controller, "m2", internal_info={**VIF, "switch_attachment": AT_M1})
    (warning,) = moved(controller, "m2", Moment.TENANT).warnings
    assert "left as it is: port m1 of switch tor-1" in warning
    assert (switch.ports()["m1"], switch.ports()["m2"]) == (BLUE, BLUE)
    assert ports(controller, "m2")[0].internal_info["switch_attachment"]["port"] == "m2"
