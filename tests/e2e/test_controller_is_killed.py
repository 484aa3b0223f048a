"""SIGKILL at every stage of a real deployment: another controller process goes on where the first one stopped."""

import sqlite3
import time
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.controller import Controller
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import config_drive, enrol, make_available, publish_os_image, ramdisk_settings
from tests.lab.hardware import Disk
from tests.lab.lab import Lab

pytestmark = pytest.mark.vm

_DEADLINE_S = 900


def stage_of(controller: Controller) -> tuple[str | None, str]:
    """Return the engine's stage and the provision state, read from the database behind the controller's back."""
    database = sqlite3.connect(f"file:{controller.state_directory}/ingot.sqlite?mode=ro", uri=True)
    try:
        row: tuple[str | None, str] = database.execute(
            "SELECT stage, provision_state FROM nodes"
        ).fetchone()
        return row
    finally:
        database.close()


def kill_at_every_stage(controller: Controller) -> list[str]:
    """Kill and restart the controller whenever a stage shows that was not seen before, until the node rests."""
    killed_at: list[str] = []
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        stage, state = stage_of(controller)
        if stage is None:
            assert state == "active", f"the deployment ended in {state} after kills at {killed_at}"
            return killed_at
        if stage not in killed_at:
            controller.kill()
            killed_at.append(stage)
            controller.start()
        time.sleep(0.002)
    raise AssertionError(
        f"not at rest after {_DEADLINE_S} s; killed at {killed_at}, now {stage_of(controller)}"
    )


def test_a_deployment_survives_a_kill_of_the_controller_at_every_stage(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(name="m1", memory_mib=1024, disks=(Disk(size_bytes=8 << 30),))
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine)
            make_available(api, "m1", clean=False)
            api.set_instance(
                "m1",
                image_source=image.url,
                image_os_hash_algo="sha256",
                image_os_hash_value=image.sha256,
            )
            api.provision("m1", "active", configdrive=config_drive("unkillable", key))
            killed_at = kill_at_every_stage(controller)
            wait_for_system(machine, hostname="unkillable", key=key, since=0, timeout_s=300)
            writes = [
                r for r in lab.http.requests if r.method == "GET" and r.sent_bytes > 100_000_000
            ]
        (logs / "killed-at.txt").write_text("\n".join(killed_at))
        assert len(killed_at) >= 10, killed_at
        assert len(writes) == 1, "the image was written more than once"
