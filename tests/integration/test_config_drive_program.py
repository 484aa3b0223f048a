import os
from pathlib import Path

import pytest

from controller.errors import TemporaryError
from controller.images import config_drive


def test_a_program_that_hangs_is_an_answer_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "genisoimage"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(config_drive, "_TIMEOUT_S", 0.1)
    with pytest.raises(TemporaryError, match="was not made within 0 s"):
        config_drive.build_config_drive({"user_data": "x"}, node_uuid="u", node_name=None)
