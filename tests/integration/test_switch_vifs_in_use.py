"""A VIF of a machine in use when something else than its switch fails: its ports go where the database says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from controller.errors import Invalid
from controller.store.events import record_event
from controller.workflow import vifs
from controller.workflow.networks.move import Moved
from controller.workflow.networks.move import move as real_move
from controller.workflow.vifs import attach_vif, detach_vif
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.switch_site import BLUE, IDLE, FakeSwitchFiles, enrol, ports, switching
from tests.integration.waiting import wait_until

Site = tuple[RunningController, FakeSwitchFiles]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with switching(tmp_path, claim_lease_s=0.5) as both:
        yield both


def is_as_before(site: Site, vif: str | None) -> None:
    """See the ports put where they were, with nothing left over."""
    controller, switch = site
    wait_until(lambda: controller.node("m1").work is None, 20, "the ports are put right")
    info = ports(controller, "m1")[0].internal_info
    assert switch.ports()["m1"] == (BLUE if vif else IDLE)
    assert info.get("tenant_vif_port_id") == vif
    assert ("switch_attachment" in info) is (vif is not None)


def fails_once(real: Callable[..., Any], error: Exception, *, after: bool) -> Callable[..., Any]:
    """Return a function that raises an error the first time, before or after it does what ``real`` does."""
    left = [error]

    def call(*args: Any, **more: Any) -> Any:
        if left and after:
            real(*args, **more)
        if left:
            raise left.pop()
        return real(*args, **more)

    return call


def test_a_vif_that_cannot_be_stored_leaves_no_port_in_its_network(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, _switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    error = OperationalError("COMMIT", None, OSError("disk full"))
    failing = fails_once(record_event, error, after=False)  # inside of the transaction
    monkeypatch.setattr(vifs, "record_event", failing)
    with pytest.raises(OperationalError, match="disk full"):
        attach_vif(controller.services, "m1", "blue", port=None, group=None)
    is_as_before(site, None)
    attach_vif(controller.services, "m1", "blue", port=None, group=None)
    failing = fails_once(record_event, error, after=False)
    monkeypatch.setattr(vifs, "record_event", failing)
    with pytest.raises(OperationalError, match="disk full"):
        detach_vif(controller.services, "m1", "blue")
    is_as_before(site, "blue")


def test_a_call_to_a_switch_that_cannot_be_begun_is_put_right(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, _switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    lines = controller.services.switches.lines
    failing = fails_once(lines.call, RuntimeError("can't start new thread"), after=True)
    monkeypatch.setattr(lines, "call", failing)
    with pytest.raises(RuntimeError, match="new thread"):
        attach_vif(controller.services, "m1", "blue", port=None, group=None)
    is_as_before(site, None)


def test_what_cannot_be_put_right_at_once_is_left_to_the_keeper(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    real_edit = controller.store.edit
    down: set[int] = set()

    def move(*args: Any, **more: Any) -> Moved:
        moved = real_move(*args, **more)
        down.add(threading.get_ident())  # this thread's database goes away
        return moved

    @contextmanager
    def edit() -> Iterator[Session]:
        if threading.get_ident() in down:
            raise OperationalError("BEGIN", None, OSError("no connection"))
        with real_edit() as session:
            yield session

    monkeypatch.setattr(vifs, "move", move)
    monkeypatch.setattr(controller.store, "edit", edit)
    with pytest.raises(OperationalError, match="no connection"):
        attach_vif(controller.services, "m1", "blue", port=None, group=None)
    down.clear()
    is_as_before(site, None)
    assert any(BLUE in line for line in switch.changes())


def test_what_is_refused_before_a_switch_is_asked_sets_nothing_off(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    with pytest.raises(Invalid, match="names no network"):
        attach_vif(controller.services, "m1", "green", port=None, group=None)
    assert controller.node("m1").work is None
    assert switch.changes() == []
