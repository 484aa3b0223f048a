"""``ingot``: the program on a real controller with machines without hardware."""

import base64
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import bcrypt
import pytest

from agent.protocol.password_hash import hash_password
from controller.client.cli import main
from controller.store.runbooks import Runbook
from tests.integration.agent_behaviour import RECEIPT
from tests.integration.running_controller import SHA256, RunningController, running_controller
from tests.integration.terminal import on_terminal
from tests.integration.waiting import wait_until

IMAGE = ("--image", "http://127.0.0.1:9/images/user.qcow2", "--checksum", f"sha256:{SHA256}")
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    sys.executable,
    "-c",
    "import sys; from controller.client.cli import main; sys.exit(main(sys.argv[1:]))",
)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, agent_silence_timeout_s=5.0) as running:
        yield running


@pytest.fixture
def ingot(
    controller: RunningController,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> "Ingot":
    monkeypatch.setenv("INGOT_API_URL", controller.url)
    monkeypatch.setenv("COLUMNS", "200")
    return Ingot(capsys)


class Ingot:
    """Calls the program in this process; remembers what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        self._capsys.readouterr()
        status = main(words)
        self.out, self.err = self._capsys.readouterr()
        return status


def test_a_node_goes_all_the_way_and_tells_where_its_time_went(
    controller: RunningController, ingot: Ingot
) -> None:
    behaviour = controller.enrol("m1", "enroll").machine.behaviour
    behaviour.results["write_image"] = {"result": "written", "receipt": RECEIPT}
    assert ingot("node", "manage", "m1", "--wait") == 0
    assert re.search(r"m1: manageable", ingot.out)
    assert ingot("node", "provide", "m1", "--wait") == 0

    assert ingot("node", "deploy", "m1", *IMAGE, "--hostname", "web-1", "--wait") == 0, ingot.err
    assert re.search(r"s  m1: active\n", ingot.out)
    assert "on /dev/sda, read back: sample (2621440 bytes)" in ingot.out
    assert "\x1b" not in ingot.out
    drive = controller.node("m1").config_drive
    assert drive
    assert base64.b64decode(drive)[:2] == b"\x1f\x8b"

    assert ingot("node", "list") == 0
    assert re.search(r"m1 +active +power on", ingot.out)
    assert ingot("node", "show", "m1") == 0
    assert re.search(r"image_receipt.serial +S3RIAL", ingot.out)

    assert ingot("node", "times", "m1") == 0
    assert "last deployment of m1: active" in ingot.out
    for row in ("step write_image", "  write", "agent's first call", "together"):
        assert row in ingot.out
    assert "400.0 MB, 21.1 MB/s" in ingot.out
    assert ingot("node", "times", "m1", "--json") == 0
    document = json.loads(ingot.out)
    whole = sum(row["seconds"] for row in document["rows"] if not row["is_part"])
    assert document["seconds"] == pytest.approx(whole, abs=0.02)
    assert document["outcome"] == "active"

    assert ingot("node", "undeploy", "m1", "--wait") == 0
    assert re.search(r"m1: available\n", ingot.out)


def test_steps_are_given_or_kept_in_a_runbook(controller: RunningController, ingot: Ingot) -> None:
    bmc = controller.enrol("m1", "manageable", traits=["CUSTOM_A"])
    steps = [{"interface": "power", "step": "power_on", "args": {}, "order": 1}]
    more: dict[str, Any] = {"disable_ramdisk": True, "traits": ["CUSTOM_A"], "created_at": 1.0}
    with controller.store.edit() as session:
        session.add(Runbook(uuid=str(uuid4()), name="care", steps=steps, **more))
    assert ingot("node", "clean", "m1", "--runbook", "care", "--wait") == 0, ingot.err
    assert "power_on" in bmc.calls
    for words in (
        (),
        ("--runbook", "care", "--steps", "[]"),
        ("--runbook", "care", "--no-ramdisk"),
    ):
        assert ingot("node", "clean", "m1", *words) != 0
        assert "Usage: " in ingot.err


def test_a_failure_ends_with_its_reason_and_what_happened_last(
    controller: RunningController, ingot: Ingot
) -> None:
    behaviour = controller.enrol("m1").machine.behaviour
    behaviour.failures["write_image"] = "/dev/sda: byte 4711 reads back differently"
    assert ingot("node", "deploy", "m1", *IMAGE, "--wait") == 1
    assert "node m1 is 'deploy failed', not 'active'" in ingot.err
    assert "/dev/sda: byte 4711 reads back differently" in ingot.err
    assert "what happened last:" in ingot.err
    assert "wait call-back -> deploy failed" in ingot.err
    assert ingot("node", "times", "m1") == 0
    assert "last deployment of m1: deploy failed" in ingot.out


def test_what_is_not_waited_for_can_be_ended(controller: RunningController, ingot: Ingot) -> None:
    controller.enrol("m1").machine.behaviour.calls_back = False
    assert ingot("node", "deploy", "m1", *IMAGE) == 0
    assert "asked for; `ingot node show m1`" in ingot.out
    wait_until(lambda: controller.node("m1").provision_state == "wait call-back", 20, "the wait")
    assert ingot("node", "abort", "m1", "--wait") == 0
    assert "deploy failed" in ingot.out
    assert ingot("node", "manage", "nobody") == 1


@pytest.mark.parametrize("is_reachable", [False, True])
def test_an_abort_whose_power_off_fails_is_no_success(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_reachable: bool,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with running_controller(tmp_path, power_change_timeout_s=0.5) as controller:
        bmc = controller.enrol("m1")
        bmc.machine.behaviour.calls_back = False
        run = ["--url", controller.url, "node"]
        assert main([*run, "deploy", "m1", *IMAGE]) == 0
        wait_until(lambda: controller.node("m1").stage == "deploy.wait_for_agent", 20, "the wait")
        bmc.is_reachable, bmc.stays_on = is_reachable, True
        assert main([*run, "abort", "m1", "--wait"]) == 1
        told = capsys.readouterr().err
        assert (
            "m1 was aborted, but not all went well after that: Aborted by request; tidying up"
            in told
        )
        assert ("the machine stays at" if is_reachable else "no answer within") in told


def test_an_abort_of_a_step_that_says_how_far_it_was_is_a_success(
    controller: RunningController, ingot: Ingot
) -> None:
    behaviour = controller.enrol("m1", "manageable").machine.behaviour
    behaviour.seconds["erase_devices_metadata"] = 60.0
    behaviour.stoppable.add("erase_devices_metadata")
    assert ingot("node", "provide", "m1") == 0
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    assert ingot("node", "abort", "m1", "--wait") == 0
    said = str(controller.node("m1").last_error)
    assert said.startswith("Aborted by request: ")
    assert said.endswith(": stopped after 3 of 20 blocks")


def test_time_runs_out(controller: RunningController, ingot: Ingot) -> None:
    controller.enrol("m1").machine.behaviour.calls_back = False
    assert ingot("node", "deploy", "m1", *IMAGE, "--wait", "--timeout", "0.5") == 1
    assert "node m1 is still" in ingot.err


def test_the_image_of_before_leaves_nothing_behind(
    controller: RunningController, ingot: Ingot
) -> None:
    controller.enrol("m1", instance_info={"image_checksum": "0" * 64, "capabilities": "x:y"})
    assert ingot("node", "deploy", "m1", *IMAGE) == 0
    info = controller.node("m1").instance_info
    assert "image_checksum" not in info
    assert (info["image_os_hash_value"], info["capabilities"]) == (SHA256, "x:y")


def test_errors_say_what_to_do(controller: RunningController, ingot: Ingot, tmp_path: Path) -> None:
    controller.enrol("m1", "enroll")
    assert ingot("node", "show", "m9") == 1
    assert "Node m9 could not be found" in ingot.err
    assert ingot("node", "provide", "m1") == 1
    assert "provide" in ingot.err
    assert "enroll" in ingot.err
    assert ingot("node", "deploy", "m1", "--image", "http://web/i", "--checksum", "md5") == 1
    assert "wanted is sha256:<hexadecimal>" in ingot.err
    assert ingot("--url", "http://127.0.0.1:9", "node", "list") == 1
    assert "no controller at http://127.0.0.1:9" in ingot.err
    assert "INGOT_API_URL" in ingot.err
    assert ingot("node", "times", "m1") == 1
    assert "has no deployment in its history" in ingot.err
    assert ingot("node", "fly") == 2


def test_a_controller_that_wants_a_password_is_given_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "htpasswd"
    file.write_text(f"me:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n")
    settings = {"auth_strategy": "http_basic", "htpasswd_file": str(file)}
    with running_controller(tmp_path, **settings) as controller:
        names = ("--url", controller.url, "--username", "me")
        assert main([*names, "--password", "wrong", "node", "list"]) == 1
        assert "wants a user name and a password (INGOT_USERNAME" in capsys.readouterr().err
        assert main([*names, "--password", "secret", "node", "list"]) == 0


def test_a_terminal_shows_a_bar(controller: RunningController) -> None:
    behaviour = controller.enrol("m1").machine.behaviour
    behaviour.seconds["write_image"] = 3.0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "INGOT_API_URL": controller.url}
    with on_terminal([*PROGRAM, "node", "deploy", "m1", *IMAGE, "--wait"], environment) as screen:
        screen.wait_for(r"20.0 kB")
        assert screen.end() == 0
    assert "\u2501" in screen.seen  # the bar's heavy line
    assert re.search(r"m1: active", screen.seen)


def test_a_node_is_rescued_with_a_password_that_is_on_no_command_line(
    controller: RunningController, ingot: Ingot, tmp_path: Path
) -> None:
    bmc = controller.enrol("m1", "active")
    file = tmp_path / "password"
    file.write_text("correct horse\nsecond line\n")
    assert ingot("node", "rescue", "m1", "--password-file", str(file), "--wait") == 0, ingot.err
    (order,) = bmc.machine.ordered("finalize_rescue")
    hashed = order["rescue_password"]
    assert hash_password("correct horse", salt=hashed.split("$")[2]) == hashed
    assert ingot("node", "unrescue", "m1", "--wait") == 0, ingot.err
    assert "m1: active" in ingot.out
    file.write_text("\n")
    assert ingot("node", "rescue", "m1", "--password-file", str(file)) == 1
    assert '"rescue_password" is required' in ingot.err
