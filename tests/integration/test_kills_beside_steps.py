"""Kills where no step of the agent runs: inspection, rescue, and the controller's own steps beside an agent that waits."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.integration.kill_campaign import (
    VICTIMS,
    is_deployed_and_returned,
    set_instance,
)
from tests.integration.kill_ground import ground, one_ground
from tests.integration.kill_kinds import Ground, forget
from tests.integration.kill_site import NAME, wait_for
from tests.integration.login_service import LoginService

__all__ = ["ground", "one_ground"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
NOTHING = {"interface": "deploy", "step": "return_nothing"}


class LoginOfEveryBoot(LoginService):
    """Answers in each boot, as soon as ``is_open`` is set."""

    def __init__(self, folder: Path) -> None:
        self.is_open = threading.Event()
        super().__init__(folder)

    def _serve(self) -> None:
        threading.Thread(target=self._greet_all, daemon=True).start()
        file = self._folder / "rescue/password"
        while self._socket.fileno() >= 0:
            if self.is_open.is_set():
                with suppress(OSError):  # a boot has just begun
                    self.seen = file.read_text() or self.seen
                    answer = self._folder / "state/rescue-login"
                    (new := answer.with_suffix(".new")).write_text(self._answer)
                    new.replace(answer)
            time.sleep(0.02)


def marked(quick: str) -> Iterator[object]:
    for victim in VICTIMS:
        marks = () if victim == quick else (pytest.mark.long,)
        yield pytest.param(victim, marks=marks, id=victim.replace(" ", "-"))


def lines(ground: Ground, line: str) -> int:
    return ground.site.machine.diary().count(line)


def end_maintenance(ground: Ground) -> None:
    if ground.site.node()["maintenance"]:
        ground.site.api.call("DELETE", f"/v1/nodes/{NAME}/maintenance", ok=202)


@pytest.mark.parametrize("victim", list(marked("controller")))
def test_somebody_dies_while_the_controller_holds_for_a_person(ground: Ground, victim: str) -> None:
    site = ground.site
    forget(ground)
    hold = {"interface": "deploy", "step": "hold"}
    site.api.provision(NAME, "clean", clean_steps=[NOTHING, hold, NOTHING])
    held = partial(lambda: site.node()["provision_state"] == "clean hold")
    wait_for(held, "the hold", site.log)
    VICTIMS[victim](ground)
    site.api.provision(NAME, "unhold")
    if victim.endswith(("machine", "power")):
        said = str(site.rest("clean failed")["last_error"])
        why = "restarted while it had nothing to do" if victim.endswith("machine") else "power off"
        assert why in said, said
        assert lines(ground, "return_nothing begins") == 1
        end_maintenance(ground)
        site.to("manage", "manageable")
    else:
        assert site.rest("manageable")["last_error"] is None
        assert lines(ground, "return_nothing begins") == 2
    is_deployed_and_returned(ground)


@pytest.mark.parametrize(
    ("step", "moment"),
    [
        ("reboot", 1),
        *(
            pytest.param(step, moment, marks=pytest.mark.long)
            for step, moment in (("reboot", 2), ("power_off", 1), ("power_off", 2))
        ),
    ],
)
def test_the_controller_dies_when_the_bmc_has_switched_and_not_answered_yet(
    ground: Ground, step: str, moment: int
) -> None:
    site, machine = ground.site, ground.site.machine
    forget(ground)
    machine.boots.clear()
    switched: list[str] = []
    killed = threading.Event()

    def kill(boot: str) -> None:
        switched.append(boot)
        if len(switched) == moment + 1:
            site.kill_controller()
            killed.set()

    machine.on_power = kill
    try:
        power = {"interface": "power", "step": step}
        site.api.provision(NAME, "clean", clean_steps=[NOTHING, power, NOTHING])
        wait_for(killed.is_set, "the switch", site.log)
        site.start_controller()
        assert site.rest("manageable")["last_error"] is None
    finally:
        machine.on_power = lambda _boot: None
    assert machine.boots == ["pxe", "off", "pxe", "off"]
    assert lines(ground, "return_nothing begins") == 2


def test_a_wait_goes_on_where_it_was_when_the_controller_died(ground: Ground) -> None:
    site = ground.site
    forget(ground)
    wait = {"interface": "deploy", "step": "wait", "args": {"seconds": 2}}
    site.api.provision(NAME, "clean", clean_steps=[NOTHING, wait, NOTHING])
    wait_for(lambda: site.node()["clean_step"].get("step") == "wait", "the wait", site.log)
    site.kill_controller()
    site.start_controller()
    assert site.rest("manageable")["last_error"] is None
    assert lines(ground, "return_nothing begins") == 2
    begun = [one["event"] for one in site.api.history(NAME) if "wait begins" in str(one["event"])]
    assert len(begun) == 1


@pytest.mark.parametrize("victim", list(marked("machine")))
def test_somebody_dies_in_an_inspection(ground: Ground, victim: str) -> None:
    site = ground.site
    forget(ground)
    finished = site.node()["inspection_finished_at"]
    site.machine.hold("collect")
    site.api.provision(NAME, "inspect")
    site.machine.wait_at_gate()
    VICTIMS[victim](ground)
    if victim.endswith("power"):
        node = site.rest("inspect failed")
        assert "stays off" in str(node["last_error"])
        assert node["inspection_finished_at"] is None
        site.to("inspect", "manageable")
    node = site.rest("manageable")
    assert node["last_error"] is None
    assert node["inspection_finished_at"] != finished
    assert site.machine.boots[-1] == "off"
    is_deployed_and_returned(ground)


def has_ended(ground: Ground) -> bool:
    node = ground.site.node()
    return node["stage"] is None and node["provision_state"] in {"rescue", "rescue failed"}


@pytest.mark.long
@pytest.mark.parametrize("victim", list(VICTIMS))
def test_somebody_dies_in_a_rescue(ground: Ground, victim: str) -> None:
    """The agent is asked to open the login, whose service does not answer yet."""
    site, machine = ground.site, ground.site.machine
    forget(ground)
    set_instance(ground)
    site.to("provide", "available")
    site.to("active", "active")
    service = LoginOfEveryBoot(machine.folder)
    try:
        site.api.provision(NAME, "rescue", rescue_password="a password")
        asked = machine.folder / "rescue/password"
        wait_for(asked.exists, "the password", site.log)
        VICTIMS[victim](ground)
        service.is_open.set()
        wait_for(partial(has_ended, ground), "an end", site.log)
        if (node := site.node())["provision_state"] == "rescue failed":
            assert victim.endswith("power"), node["last_error"]
            assert "the agent" in str(node["last_error"])
            assert not (machine.folder / "state/rescued").exists()
            site.to("rescue", "rescue", rescue_password="a password")
        node = site.rest("rescue")
        assert (node["last_error"], service.seen[:1]) == (None, "$")
    finally:
        service.close()
    site.to("unrescue", "active")
    assert machine.boots[-1] == "disk"
    is_deployed_and_returned(ground)
