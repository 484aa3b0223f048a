"""Logs of consoles whose node is gone are deleted, and no others."""

from pathlib import Path

from controller.consoles.lines import Consoles


def test_only_the_logs_of_nodes_that_are_gone_are_deleted(tmp_path: Path) -> None:
    for name in ("a.log", "a.log.1", "b.log", "b.log.1", "c.log"):
        (tmp_path / name).touch()
    consoles = Consoles(tmp_path, most=1, log_bytes=100)
    asked: list[set[str]] = []

    def known(uuids: object) -> list[str]:
        asked.append(set(uuids))  # type: ignore[call-overload]
        return ["b"]

    consoles.tidy(known)
    assert asked == [{"a", "b", "c"}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.log", "b.log.1"]
    consoles.stop()


def test_a_folder_that_is_not_there_is_fine(tmp_path: Path) -> None:
    consoles = Consoles(tmp_path / "none", most=1, log_bytes=100)
    consoles.tidy(lambda _uuids: [])
    consoles.stop()
