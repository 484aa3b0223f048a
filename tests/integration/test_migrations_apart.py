"""The program that migrates finds this package's modules and no others, and the database where its caller looks for it."""

import sqlite3
from pathlib import Path

import pytest

from controller.errors import DatabaseUnusable
from controller.store.up_to_date import bring_up_to_date


def test_modules_that_somebody_left_where_it_is_started_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sqlalchemy", "json", "alembic", "controller"):
        (tmp_path / f"{name}.py").write_text("open('taken', 'w').write(__name__)\n")
    monkeypatch.chdir(tmp_path)
    bring_up_to_date("sqlite:///here.sqlite")
    assert not (tmp_path / "taken").exists()
    with sqlite3.connect(tmp_path / "here.sqlite") as database:
        assert database.execute("SELECT count(*) FROM nodes").fetchone() == (0,)


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all\n" * 100)
    with pytest.raises(DatabaseUnusable):
        bring_up_to_date(f"sqlite:///{tmp_path}/text")
