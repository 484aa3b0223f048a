"""SIGKILL at every stage of a real deployment: another controller process goes on where the first one stopped."""

import sqlite3
import time
from pathlib import Path

import pytest

from tests.integration.deployment_stages import plain_deployment
from tests.lab.api_client import ApiClient
from tests.lab.controller import Controller
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import config_drive, make_deployable, publish_os_image, ramdisk_settings
from tests.lab.hardware import Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long]

_DEADLINE_S = 1200
_ONLY_WHEN_LATE = {"deploy.cut_power"}
_HOLD = """
CREATE TABLE killed_at (stage TEXT PRIMARY KEY);
CREATE TRIGGER hold AFTER UPDATE OF stage ON work
WHEN NEW.lane = 'workflow' AND NEW.stage NOT IN (SELECT stage FROM killed_at)
BEGIN
    UPDATE work SET due_at = NULL WHERE id = NEW.id;
END;
CREATE TRIGGER hold_new AFTER INSERT ON work
WHEN NEW.lane = 'workflow' AND NEW.stage NOT IN (SELECT stage FROM killed_at)
BEGIN
    UPDATE work SET due_at = NULL WHERE id = NEW.id;
END;
"""
"""A stage in which no controller has been killed yet waits for this test: none is too short to be seen."""


class Killer:
    """Works on the database behind the controller's back, to kill it in every stage."""

    def __init__(self, controller: Controller) -> None:
        self.killed_at: list[str] = []
        self._controller = controller
        path = controller.state_directory / "ingot.sqlite"
        self._database = sqlite3.connect(path, timeout=30, isolation_level=None)

    def hold_new_stages(self) -> None:
        self._database.executescript(_HOLD)

    def row(self) -> tuple[str | None, str, str | None]:
        """Return stage, provision state and who has claimed the node."""
        query = (
            "SELECT stage, provision_state, claim_owner FROM nodes "
            "LEFT JOIN work ON subject_id = nodes.id AND lane = 'workflow'"
        )
        row: tuple[str | None, str, str | None] = self._database.execute(query).fetchone()
        return row

    def kill_in_every_stage(self) -> None:
        """Kill and restart the controller at work in each stage, until the node rests."""
        deadline = time.monotonic() + _DEADLINE_S
        while time.monotonic() < deadline:
            stage, state, _owner = self.row()
            if stage is None:
                assert state == "active", f"ended in {state} after kills at {self.killed_at}"
                return
            if stage not in self.killed_at:
                self._kill_in(stage, deadline)
            time.sleep(0.002)
        raise AssertionError(f"not at rest after {_DEADLINE_S} s: {self.row()}, {self.killed_at}")

    def _kill_in(self, stage: str, deadline: float) -> None:
        """Let the stage begin and kill the controller as soon as a worker is at it."""
        self._database.execute("INSERT INTO killed_at VALUES (?)", (stage,))
        self._database.execute("UPDATE work SET due_at = 0 WHERE claim_owner IS NULL")
        while self.row()[0] == stage and self.row()[2] is None and time.monotonic() < deadline:
            pass
        self._controller.kill()
        self.killed_at.append(stage)
        self._controller.start()


def test_a_deployment_survives_a_kill_of_the_controller_at_every_stage(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1024,
            disks=(Disk(size_bytes=8 << 30),),
        )
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            make_deployable(api, machine, image)
            killer = Killer(controller)
            killer.hold_new_stages()
            api.provision("m1", "active", configdrive=config_drive("unkillable", key))
            killer.kill_in_every_stage()
            wait_for_system(machine, hostname="unkillable", key=key, since=0, timeout_s=300)
            writes = [
                r for r in lab.http.requests if r.method == "GET" and r.sent_bytes > 100_000_000
            ]
        (logs / "killed-at.txt").write_text("\n".join(killer.killed_at))
        assert set(killer.killed_at) - _ONLY_WHEN_LATE == plain_deployment()
        assert len(writes) == 1, "the image was written more than once"
