import os
from pathlib import Path

import pytest

from controller.errors import TemporaryError
from controller.images.config_drive import build_config_drive


def test_a_program_that_hangs_is_an_answer_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "genisoimage"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(TemporaryError, match=r"within 0.1 s.*config_drive_timeout_s"):
        build_config_drive({"user_data": "x"}, node_uuid="u", node_name=None, timeout_s=0.1)
