"""A controller that is killed at any moment and started again finishes what it was at."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from controller.workflow.graph import STAGES
from tests.integration.deployment_stages import plain_deployment
from tests.integration.killed_process import HELD, MOST_KILLS, Process, ask, enrol, process
from tests.integration.waiting import wait_until

__all__ = ["process"]


def kill_at_every_stage(process: Process, goal: str, pause_s: Callable[[], float]) -> list[str]:
    """Kill the controller at each stage that comes into sight, once each, until the goal is reached."""
    killed: list[str] = []
    give_up_at = time.monotonic() + 240
    while True:
        stage, state = process.stage()
        assert not state.endswith("failed"), process.log()[-3000:]
        assert time.monotonic() < give_up_at, f"stuck at {stage}, {state}\n{process.log()[-3000:]}"
        if state == goal and stage is None:
            return killed
        if stage is not None and stage not in killed and len(killed) < MOST_KILLS:
            time.sleep(pause_s())
            process.kill()
            killed.append(stage)
            process.start()
        time.sleep(0.003)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_killed_at_every_stage_it_finishes_and_writes_the_image_once(process: Process) -> None:
    enrol(process)
    ask(process, "manage")
    killed = kill_at_every_stage(process, "manageable", lambda: 0.0)
    ask(process, "provide")
    killed += kill_at_every_stage(process, "available", lambda: 0.0)
    orders = [line for line in process.machine_lines if line.startswith("order ")]
    assert orders.count("order erase_devices_metadata") == 1
    process.machine_lines.clear()

    ask(process, "active")
    killed += kill_at_every_stage(process, "active", lambda: random.uniform(0.0, 0.1))
    must_have_been_killed = {
        "clean.power_on",
        "clean.wait_for_agent",
        "clean.plan",
        "clean.step.watch",
        "clean.last_power_off",
        "deploy.power_on",
        "deploy.wait_for_agent",
        "deploy.plan",
        "deploy.step.watch",
        "deploy.partition_uuids",
        "deploy.boot_loader.watch",
        "deploy.boot_from_disk",
        "deploy.boot_instance",
    }
    assert must_have_been_killed <= set(killed)
    orders = [line for line in process.machine_lines if line.startswith("order ")]
    assert orders.count("order write_image") == 1
    assert orders.count("order install_bootloader") == 1
    boots = [line for line in process.machine_lines if not line.startswith("order ")]
    assert boots == ["on pxe", "off", "on disk"]
    assert "internal error" not in process.log()


def hold_new_stages(process: Process, prefix: str = "") -> None:
    """Have the database keep every stage, whose name begins so, from being begun until its name is in the table ``begun``."""
    held = f"UPDATE work SET due_at = {HELD} WHERE id = NEW.id"
    unknown = (
        "WHEN NEW.lane = 'workflow' AND NEW.stage NOT IN (SELECT stage FROM begun) "
        f"AND NEW.stage LIKE '{prefix}%' AND NEW.due_at < {HELD} BEGIN {held}; END"
    )
    process.edit(
        "CREATE TABLE begun (stage TEXT)",
        f"CREATE TRIGGER hold AFTER UPDATE OF stage, due_at ON work {unknown}",
        f"CREATE TRIGGER hold_new AFTER INSERT ON work {unknown}",
    )


def kill_before_every_stage(process: Process, goal: str, prefix: str = "") -> list[str]:
    """Kill the controller after it has stored each stage, whose name begins so, and before it begins it, until the goal is reached."""
    killed: list[str] = []
    give_up_at = time.monotonic() + 400
    while process.stage() != (None, goal):
        stage, state = process.stage()
        assert not state.endswith("failed"), process.log()[-3000:]
        assert time.monotonic() < give_up_at, f"stuck at {stage}, {state}\n{process.log()[-3000:]}"
        if stage is not None and stage not in killed and stage.startswith(prefix):
            process.kill()
            killed.append(stage)
            process.edit(f"INSERT INTO begun VALUES ('{stage}')", "UPDATE work SET due_at = 0")
            process.start()
        time.sleep(0.003)
    return killed


@pytest.mark.timeout(600)
def test_killed_before_every_stage_of_a_deployment_it_finishes_and_writes_once(
    process: Process,
) -> None:
    enrol(process)
    ask(process, "manage")
    wait_until(lambda: process.stage() == (None, "manageable"), 30, "manageable")
    ask(process, "provide")
    wait_until(lambda: process.stage() == (None, "available"), 60, "available")
    process.machine_lines.clear()
    hold_new_stages(process)
    ask(process, "active")
    killed = kill_before_every_stage(process, "active")
    assert set(killed) >= plain_deployment()
    orders = [line for line in process.machine_lines if line.startswith("order ")]
    assert orders.count("order write_image") == 1
    assert orders.count("order install_bootloader") == 1
    boots = [line for line in process.machine_lines if not line.startswith("order ")]
    assert boots == ["on pxe", "off", "on disk"]
    assert "internal error" not in process.log()


def deploy_by_kexec(process: Process) -> None:
    enrol(process, kexec=True)
    ask(process, "manage")
    wait_until(lambda: process.stage() == (None, "manageable"), 30, "manageable")
    process.api("PATCH", "nodes/m1", [{"op": "add", "path": "/automated_clean", "value": False}])
    ask(process, "provide")
    wait_until(lambda: process.stage() == (None, "available"), 30, "available")
    hold_new_stages(process, "deploy.kexec.")
    ask(process, "active")


def check_kexec(process: Process) -> None:
    """The kernel was loaded and started once, by one order each, and the machine was never off."""
    lines = process.machine_lines
    assert [lines.count(f"order {name}_kexec") for name in ("prepare", "start")] == [1, 1]
    boots = [line for line in lines if not line.startswith("order ") and line != "ready"]
    assert boots == ["on pxe", "kexec"]
    assert "internal error" not in process.log()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_killed_before_every_stage_of_a_kexec_it_starts_the_system_once(process: Process) -> None:
    deploy_by_kexec(process)
    killed = kill_before_every_stage(process, "active", "deploy.kexec.")
    assert set(killed) == {name for name in STAGES if name.startswith("deploy.kexec.")}
    check_kexec(process)


@pytest.mark.timeout(300)
def test_killed_while_it_orders_each_part_of_a_kexec_it_orders_nothing_twice(
    process: Process,
) -> None:
    deploy_by_kexec(process)
    process.edit("DROP TRIGGER hold", "DROP TRIGGER hold_new", "UPDATE work SET due_at = 0")
    for order in ("order prepare_kexec", "order start_kexec"):
        wait_until(partial(process.machine_lines.__contains__, order), 60, order)
        process.kill()
        process.start()
    wait_until(lambda: process.stage() == (None, "active"), 60, "active")
    check_kexec(process)


@pytest.mark.timeout(300)
def test_killed_at_every_stage_of_an_inspection_it_boots_once_and_finishes(
    process: Process,
) -> None:
    enrol(process)
    ask(process, "manage")
    wait_until(lambda: process.stage() == (None, "manageable"), 30, "manageable")
    ask(process, "inspect")
    killed = kill_at_every_stage(process, "manageable", lambda: random.uniform(0.0, 0.1))
    expected = {"inspect.power_on", "inspect.wait_for_agent", "inspect.last_power_off"}
    assert expected <= set(killed)
    assert [line for line in process.machine_lines if line != "ready"] == ["on pxe", "off"]
    node = process.api("GET", "nodes/m1")
    assert (node["properties"]["cpu_arch"], node["last_error"]) == ("x86_64", None)
    assert node["inspection_finished_at"]
    assert "internal error" not in process.log()


def test_it_stops_in_the_middle_of_a_step_when_it_is_told_to_and_goes_on_later(
    process: Process,
) -> None:
    enrol(process)
    ask(process, "manage")
    wait_until(lambda: process.stage() == (None, "manageable"), 30, "manageable")
    ask(process, "provide")
    wait_until(lambda: process.stage()[0] == "clean.step.watch", 30, "a step")
    process.stop()
    process.start()
    wait_until(lambda: process.stage() == (None, "available"), 30, "available")


def test_it_refuses_what_is_unsafe_or_unknown_and_says_why(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("ingot-controller")

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        done = subprocess.run(
            [script, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **variables},
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    status, text = run("serve", "--listen-host", "0.0.0.0")
    assert (status, "allow_unauthenticated" in text) == (2, True)
    status, text = run("settings", INGOT_LISTEN_PROT="1")
    assert (status, "listen_prot" in text) == (2, True)
    status, text = run("settings", "--workers", "3", INGOT_WORKERS="5", INGOT_THREADS="9")
    assert status == 0
    assert "workers = 3\n" in text
    assert "threads = 9\n" in text
    status, text = run("settings", "--database-url", "postgresql+psycopg://me:hunter2@db/ingot")
    assert (status, "hunter2" in text) == (0, False)
    status, text = run("states")
    assert text.startswith("stateDiagram-v2")
