import base64
import os
from pathlib import Path

import pytest

from agent.protocol.known_secrets import KnownSecrets
from controller.errors import StepFailed
from controller.settings import Settings
from controller.workflow.kept_logs import keep_logs

NONE = KnownSecrets()


def _too_late(*_arguments: object) -> None:
    raise AssertionError("the file's mode was changed after others could open it")


def test_logs_are_for_their_owner_only_from_the_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "chmod", _too_late)
    before = os.umask(0)
    try:
        logs = base64.b64encode(b"logs").decode()
        path = keep_logs(
            Settings(state_directory=str(tmp_path)), "u", "deploy failed", logs, 0.0, secrets=NONE
        )
    finally:
        os.umask(before)
    assert path == tmp_path / "logs" / "u" / "19700101T000000Z-deploy-failed.tar.gz"
    assert path.read_bytes() == b"logs"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("logs", "words"), [(None, "no system_logs"), ("abc", "not base64"), ("\u00e9", "not base64")]
)
def test_what_is_no_log_is_refused(tmp_path: Path, logs: object, words: str) -> None:
    with pytest.raises(StepFailed, match=words):
        keep_logs(
            Settings(state_directory=str(tmp_path)), "u", "deploy failed", logs, 0.0, secrets=NONE
        )


def test_a_node_that_fails_again_and_again_keeps_its_newest_archives(tmp_path: Path) -> None:
    settings = Settings(state_directory=str(tmp_path))
    logs = base64.b64encode(b"logs").decode()
    moments = (*(60.0 * number for number in range(20)), 30.0)  # at the end the clock was set back
    kept = [
        keep_logs(settings, "u", "clean failed", logs, moment, secrets=NONE) for moment in moments
    ]
    assert sorted((tmp_path / "logs" / "u").iterdir()) == sorted([*kept[11:20], kept[20]])
