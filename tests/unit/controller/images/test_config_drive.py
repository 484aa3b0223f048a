import os
from pathlib import Path

import pytest

from controller.errors import ControllerError, Invalid
from controller.images.config_drive import build_config_drive


def build(value: object, timeout_s: float = 60) -> str:
    return build_config_drive(value, node_uuid="u", node_name=None, timeout_s=timeout_s)  # type: ignore[arg-type]


def test_text_is_passed_on() -> None:
    assert build("https://server/drive.iso") == "https://server/drive.iso"
    assert build("aGVsbG8=") == "aGVsbG8="


def test_what_cannot_be_a_config_drive_is_refused() -> None:
    with pytest.raises(Invalid, match="empty"):
        build("")
    with pytest.raises(Invalid, match="neither a URL nor base64"):
        build("abc")
    with pytest.raises(Invalid, match="unknown keys: meta"):
        build({"meta": {}})


def test_a_drive_that_takes_too_long_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "genisoimage"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ControllerError, match=r"within 0.1 s.*config_drive_timeout_s"):
        build({"meta_data": {}}, timeout_s=0.1)
