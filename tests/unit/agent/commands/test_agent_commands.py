"""Commands about the agent and its machine: its node, its token, power, logs and rescue."""

import base64
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from agent.commands.identity import Identity
from agent.commands.standby import Standby
from agent.commands.system_logs import PROGRAMS, SystemLogs, redact
from agent.errors import CommandFailed, InvalidRequest
from agent.hardware.registry import Hardware
from agent.protocol.commands import CommandStatus
from agent.system.power import NoPower
from tests.unit.agent.commands.command_desk import NODE, Desk
from tests.unit.fakes import FakeRunner


def test_an_agent_without_a_controller_is_told_its_node(tmp_path: Path) -> None:
    desk = Desk(tmp_path, standalone=True)
    info = {"node": NODE, "config": {"agent_token": "t" * 32, "heartbeat_timeout": 300}}
    desk.do("poll.set_node_info", {"node_info": info})
    assert (desk.identity.node, desk.identity.token) == (NODE, "t" * 32)


def test_an_agent_with_a_controller_believes_nobody_else_about_its_node(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="only for an agent started with ipa-standalone=1"):
        desk.do("poll.set_node_info", {"node_info": {"node": NODE}})


def test_the_token_outlives_the_process(tmp_path: Path) -> None:
    Identity(tmp_path / "token").learn_token("secret")
    assert Identity(tmp_path / "token").token == "secret"
    assert Identity(tmp_path / "token", "preset").token == "preset"
    assert Identity(tmp_path / "other").token is None


def test_power_commands_are_answered_before_the_machine_ends(desk: Desk) -> None:
    answered = desk.do("standby.power_off", {})
    assert answered.command_status is CommandStatus.RUNNING
    assert desk.executor.result(answered.id, wait=True).command_status is CommandStatus.SUCCEEDED


def test_every_command_of_the_road_is_there(desk: Desk) -> None:
    names = [
        c.name for c in Standby(Hardware([]), NoPower(), desk.written, desk.identity).commands()
    ]
    assert names == [
        "standby.prepare_image",
        "standby.execute_bootc_install",
        "standby.get_partition_uuids",
        "standby.run_image",
        "standby.power_off",
        "standby.sync",
    ]


def members_of(answer: dict[str, str]) -> dict[str, str]:
    packed = io.BytesIO(base64.b64decode(answer["system_logs"]))
    with tarfile.open(fileobj=packed) as archive:
        files = {m.name: archive.extractfile(m) for m in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def test_system_logs_have_every_programs_output_and_no_secret(tmp_path: Path) -> None:
    answers: dict[str, str | CommandFailed] = {" ".join(argv): "fine" for _, argv in PROGRAMS}
    answers["dmesg"] = 'Command line: ipa-agent-token=preset rootpwd="a b" quiet'
    answers["mount"] = CommandFailed("mount: program not found")
    (tmp_path / "agent.log").write_text("token is TOPSECRET here")
    (tmp_path / "folder.log").mkdir()
    logs = SystemLogs(FakeRunner(answers), (f"{tmp_path}/*.log",), lambda: ("TOPSECRET", None))
    members = members_of(logs.collect())
    assert members["dmesg"] == "Command line: ipa-agent-token=****** rootpwd=****** quiet"
    assert members["mount"] == "mount: program not found\n"
    assert members[f"files{tmp_path}/agent.log"] == "token is ****** here"
    assert members[f"files{tmp_path}/folder.log"] == f"{tmp_path}/folder.log: Is a directory\n"
    assert set(members) >= {name for name, _ in PROGRAMS}


def test_redaction_leaves_everything_else_alone() -> None:
    assert redact("ipa-debug=1 token", ()) == "ipa-debug=1 token"
    assert redact("GET https://web/i?X-Amz-Signature=geheim&part=1", ()).endswith("=******&part=1")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "rescue_password"),
        ({"rescue_password": ""}, "1 to 1024 letters"),
        ({"rescue_password": "a\0b"}, "control character"),
        ({"rescue_password": "hunter2", "hashed": True}, "not a hash in the form of crypt"),
        ({"rescue_password": "$6$a$b:c\nroot::0", "hashed": True}, "not a hash"),
    ],
)
def test_a_rescue_password_that_cannot_be_one_is_refused_and_not_repeated(
    desk: Desk, params: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        desk.do("rescue.finalize_rescue", params)
    assert not params.get("rescue_password") or params["rescue_password"] not in str(caught.value)
    assert not (desk.folder / "password").exists()


def test_a_ramdisk_without_a_login_service_fails_the_rescue_and_says_so(desk: Desk) -> None:
    result = desk.do("rescue.finalize_rescue", {"rescue_password": "hunter2"})
    assert result.command_status is CommandStatus.FAILED
    assert "did not open the rescue login within 0.2 s" in result.command_error.details
    assert not (desk.folder / "rescued").exists()
