"""What a console has shown, in a bounded file."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.consoles import log_record
from controller.consoles.ring_log import RingLog


def read_from(log: RingLog, place: int) -> bytes:
    found = b""
    while True:
        begin, data = log.read(place, 7)
        if not data:
            return found
        found += data
        place = begin + len(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=30),
    most=st.integers(2, 100),
    reopened_after=st.integers(0, 30),
)
def test_the_end_is_kept_in_order_and_bounded(
    tmp_path: Path, pieces: list[bytes], most: int, reopened_after: int
) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    log = RingLog(tmp_path / "x.log", most)
    for number, piece in enumerate(pieces):
        if number == reopened_after:
            places = (log.epoch, log.begin, log.end)
            log.close()
            log = RingLog(tmp_path / "x.log", most)
            assert (log.epoch, log.begin, log.end) == places
        log.append(piece)
    whole = b"".join(pieces)
    kept = read_from(log, 0)
    assert whole.endswith(kept)
    assert len(kept) >= min(len(whole), most // 2)
    assert len(kept) == log.end - log.begin <= most
    assert (
        sum(file.stat().st_size for file in tmp_path.iterdir() if file.suffix != ".places") <= most
    )
    middle = log.begin + len(kept) // 2
    assert read_from(log, middle) == kept[len(kept) // 2 :]
    log.close()


def test_it_is_for_the_controllers_user_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log = RingLog(tmp_path / "consoles/x.log", 100)
        log.append(b"x" * 300)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "consoles").iterdir()}
    assert modes == {0o600}
    assert (tmp_path / "consoles").stat().st_mode & 0o777 == 0o700
    log.close()


def test_a_closed_one_gives_nothing_and_takes_nothing(tmp_path: Path) -> None:
    log = RingLog(tmp_path / "x.log", 100)
    log.append(b"abc")
    log.close()
    log.append(b"d")
    assert log.read(0, 10) == (0, b"")
    log.close()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    RingLog(tmp_path / "x.log", 100).close()
    (tmp_path / "x.log").unlink()
    (tmp_path / "x.log").symlink_to(target)
    try:
        RingLog(tmp_path / "x.log", 100)
    except OSError:
        return
    raise AssertionError("it was followed")


def test_a_disk_that_was_full_for_a_time_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RingLog(tmp_path / "x.log", 20)
    log.append(b"0123456789")
    with monkeypatch.context() as full:
        full.setattr(log, "_open", _no_room)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                log.append(b"abc")
    assert read_from(log, 0) == b"0123456789"
    log.append(b"abcdefghijk")
    assert read_from(log, 0) == b"abcdefghijk"
    log.close()
    again = RingLog(tmp_path / "x.log", 20)
    assert read_from(again, 0) == b"abcdefghijk"
    again.close()


def _no_room(*_words: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_rename_that_fails_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    log, renames = RingLog(tmp_path / "x.log", 20), iter((1, 2, 3))
    log.append(b"0123456789")
    replace = Path.replace

    def replace_or_fail(path: Path, target: Path) -> Path:
        if next(renames) == fails_at:
            _no_room()
        return replace(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", replace_or_fail)
        with pytest.raises(OSError, match="No space"):
            log.append(b"abc")
    log.append(b"abc")
    assert read_from(log, 0) == b"0123456789abc"
    log.close()
    again = RingLog(tmp_path / "x.log", 20)
    assert read_from(again, 0) == b"0123456789abc"
    again.close()


def test_a_log_that_somebody_deletes_goes_on(tmp_path: Path) -> None:
    log = RingLog(tmp_path / "x.log", 20)
    log.append(b"0123456789")
    (tmp_path / "x.log").unlink()
    log.append(b"abc")
    assert read_from(log, 0) == b"0123456789abc"
    log.close()


def test_a_close_that_fails_closes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, closed = RingLog(tmp_path / "x.log", 20), list[int]()

    def close(descriptor: int) -> None:
        closed.append(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "close", close)
    with pytest.raises(OSError, match="Input/output"):
        log.close()
    log.close()
    monkeypatch.undo()
    assert len(closed) == 1
    os.close(closed[0])


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_controller_that_dies_while_it_turns_the_log_over_loses_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    log, renames = RingLog(tmp_path / "x.log", 8), iter((1, 2, 3))
    log.append(b"0123456789")
    log.append(b"ab")
    replace = Path.replace

    def replace_or_die(path: Path, target: Path) -> Path:
        if next(renames) == fails_at:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", replace_or_die)
        with pytest.raises(KeyboardInterrupt):
            log.append(b"c")
    again = RingLog(tmp_path / "x.log", 8)
    assert (again.epoch, again.end) == (log.epoch, 12)
    kept = read_from(again, 0)
    assert b"0123456789ab".endswith(kept)
    assert again.begin == 12 - len(kept) <= 8
    again.close()
    log.close()


def test_after_a_boot_the_places_of_before_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RingLog(tmp_path / "x.log", 8)
    log.append(b"0123456789")
    log.close()
    (tmp_path / "boot").write_text("another\n")
    monkeypatch.setattr(log_record, "_BOOT_PATH", tmp_path / "boot")
    again = RingLog(tmp_path / "x.log", 8)
    assert again.epoch != log.epoch
    assert (again.begin, read_from(again, 0)) == (0, b"456789")
    again.close()


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    log = RingLog(tmp_path / "x.log", 8)
    log.append(b"0123456789")
    log.close()
    record = tmp_path / "x.log.places"
    record.write_text(record.read_text()[:-1] + ',"later":[1]}')
    again = RingLog(tmp_path / "x.log", 8)
    assert (again.epoch, read_from(again, 0)) == (log.epoch, b"456789")
    again.close()


def test_a_full_disk_does_not_hide_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RingLog(tmp_path / "x.log", 8)
    log.append(b"0123456789")
    log.close()

    def fail(_path: Path, _record: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("controller.consoles.ring_log.write_record", fail)
    again = RingLog(tmp_path / "x.log", 8)
    assert read_from(again, 0) == b"456789"
    again.close()
    with pytest.raises(OSError, match="No space"):
        RingLog(tmp_path / "y.log", 8)


@pytest.mark.parametrize("spoil", ["owner", "record", "nonsense"])
def test_what_is_anothers_or_nobodys_is_deleted(tmp_path: Path, spoil: str) -> None:
    log = RingLog(tmp_path / "x.log", 8, "red")
    log.append(b"0123456789")
    log.close()
    record = tmp_path / "x.log.places"
    if spoil == "record":
        record.unlink()
    if spoil == "nonsense":
        record.write_bytes(b"{")
    again = RingLog(tmp_path / "x.log", 8, "blue" if spoil == "owner" else "red")
    assert again.epoch != log.epoch
    assert (again.begin, again.end, read_from(again, 0)) == (0, 0, b"")
    assert not (tmp_path / "x.log.1").exists()
    again.close()
