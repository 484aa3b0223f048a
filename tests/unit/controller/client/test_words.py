import base64
from pathlib import Path

import pytest

from controller.client.api import fault_text
from controller.client.errors import ClientError
from controller.client.follow import rests
from controller.client.instance import FirstBoot, config_drive, image_keys
from controller.client.screen import current_step, describe
from controller.load_settings import CLIENT_VARIABLES, load_settings


def test_a_checksum_is_a_value_with_its_algorithm_or_an_address() -> None:
    assert image_keys("http://web/i", "SHA256:ab") == {
        "image_source": "http://web/i",
        "image_os_hash_algo": "sha256",
        "image_os_hash_value": "ab",
    }
    assert image_keys("http://web/i", "https://web/SUMS") == {
        "image_source": "http://web/i",
        "image_checksum": "https://web/SUMS",
    }
    with pytest.raises(ClientError, match="--checksum abcd: wanted is sha256:<hexadecimal>"):
        image_keys("http://web/i", "abcd")


def test_a_config_drive_is_made_of_its_parts(tmp_path: Path) -> None:
    key, data = tmp_path / "id.pub", tmp_path / "user-data"
    key.write_text("ssh-ed25519 AAAA me\n")
    data.write_text("#cloud-config\n{}\n")
    assert config_drive(FirstBoot()) is None
    assert config_drive(FirstBoot(user_data=data, ssh_keys=(key,), hostname="web-1")) == {
        "meta_data": {"hostname": "web-1", "public_keys": {"key-1": "ssh-ed25519 AAAA me"}},
        "user_data": "#cloud-config\n{}\n",
    }


def test_a_finished_config_drive_is_sent_as_text(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.write_bytes(b"\x1f\x8b\x08binary\0")
    text = config_drive(FirstBoot(config_drive=drive))
    assert isinstance(text, str)
    assert base64.b64decode(text) == drive.read_bytes()
    drive.write_text("H4sIAAAA\n")
    assert config_drive(FirstBoot(config_drive=drive)) == "H4sIAAAA"
    with pytest.raises(ClientError, match="finished drive"):
        config_drive(FirstBoot(config_drive=drive, hostname="web-1"))
    with pytest.raises(ClientError, match="No such file"):
        config_drive(FirstBoot(config_drive=tmp_path / "missing"))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"error_message": "{\\"faultstring\\": \\"no such node\\"}"}', "no such node"),
        ('{"error_message": {"faultstring": "as an object"}}', "as an object"),
        ('{"error_message": "as text"}', "as text"),
        ('{"faultstring": "flat"}', "flat"),
        ("<html>", ""),
        ("[]", ""),
        ("", ""),
    ],
)
def test_a_fault_is_read_in_every_form(body: str, text: str) -> None:
    assert fault_text(body) == text


def test_progress_is_described_with_what_is_known() -> None:
    progress = {
        "phase": "write",
        "bytes_done": 1_000_000,
        "bytes_total": 4_000_000,
        "disk_bytes_done": 9_000_000,
        "rate_bytes_per_s": 5e5,
        "time_left_s": 6.0,
        "message": "lost at byte 7",
    }
    assert describe(progress) == (
        "write, 1.0 MB of 4.0 MB, 500.0 kB/s, 6 s left, 9.0 MB on disk, lost at byte 7"
    )
    assert describe({"phase": "flush", "bytes_done": None}) == "flush"


@pytest.mark.parametrize(
    ("state", "target", "is_resting"),
    [
        ("active", None, True),
        ("deploying", "active", False),
        ("deploy failed", "active", True),
        ("error", "available", True),
        ("wait call-back", "active", False),
    ],
)
def test_a_node_rests_when_nothing_more_is_done(
    state: str, target: str | None, is_resting: bool
) -> None:
    assert rests({"provision_state": state, "target_provision_state": target}) is is_resting


def test_the_running_step_has_a_name() -> None:
    assert current_step({"clean_step": {}, "deploy_step": {"step": "write_image"}}) == "write_image"
    assert current_step({}) == ""


def test_a_controller_does_not_mind_the_variables_of_the_command_line() -> None:
    environment = dict.fromkeys(CLIENT_VARIABLES, "anything")
    assert load_settings("", environment, {}) == load_settings("", {}, {})


@pytest.mark.parametrize(
    ("state", "stage", "is_resting"),
    [
        ("service failed", "unservice.boot_instance", False),
        ("deploy failed", "aborted.power_off", False),
        ("deploy failed", "deploy_failed.logs", False),
        ("clean failed", None, True),
        ("clean hold", "clean.hold", True),
        ("clean hold", "power.on", False),
        ("active", "power.cycle_on", False),
        ("active", None, True),
    ],
)
def test_a_node_does_not_rest_while_something_is_done_for_it(
    state: str, stage: str | None, is_resting: bool
) -> None:
    target = None if state == "active" else "x"
    node = {"provision_state": state, "target_provision_state": target, "stage": stage}
    assert rests(node) is is_resting
