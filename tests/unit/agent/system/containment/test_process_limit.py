"""Where a control group for processes is made, on folders that look like the kernel's."""

import logging
from pathlib import Path

import pytest

from agent.system.containment.process_limit import MOST_PROCESSES, process_limit


def folder(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / f"cgroup.{name}").write_text(text)
    return root


def limit_in(root: Path) -> tuple[Path | None, str]:
    """Return the parent of the group that was made, and its limit; the file stands for what the kernel removes by itself."""
    with process_limit(root) as group:
        if group is None:
            return None, ""
        limit = (group / "pids.max").read_text()
        (group / "pids.max").unlink()
    assert not group.exists()
    return group.parent, limit


def test_the_controller_is_switched_on_where_it_is_not(tmp_path: Path) -> None:
    root = folder(tmp_path, controllers="cpu pids memory\n", subtree_control="cpu\n")
    assert limit_in(root) == (root, str(MOST_PROCESSES))
    assert (root / "cgroup.subtree_control").read_text() == "+pids"


def test_one_that_is_on_is_left_alone(tmp_path: Path) -> None:
    root = folder(tmp_path, controllers="pids\n", subtree_control="memory pids\n")
    assert limit_in(root) == (root, str(MOST_PROCESSES))
    assert (root / "cgroup.subtree_control").read_text() == "memory pids\n"


def test_version_1_has_a_folder_for_it(tmp_path: Path) -> None:
    first = folder(tmp_path / "pids", procs="")
    assert limit_in(tmp_path) == (first, str(MOST_PROCESSES))


@pytest.mark.parametrize("controllers", [None, "cpu memory\n"])
def test_a_machine_without_it_says_so(
    tmp_path: Path, controllers: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if controllers is not None:
        folder(tmp_path, controllers=controllers, subtree_control="cpu\n")
    with caplog.at_level(logging.WARNING):
        assert limit_in(tmp_path) == (None, "")
    assert "may start any number" in caplog.text
