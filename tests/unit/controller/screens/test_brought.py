"""Screens are brought once for all who look, and let go of when nobody does; a provider that fails or hangs holds nobody else up."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.errors import BmcError, Conflict, Invalid
from controller.hardware.screen import Screen, ScreenWish
from controller.screens.brought import BroughtScreens

WISH = ScreenWish(node_uuid="n1", provider="", application="fake")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.properties: Mapping[str, str] = {}
        self.asked: list[str] = []
        self.fails = False
        self.failing_stops = 0
        self.at_stop: Callable[[], None] = lambda: None
        self.lifetime_s: float | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.stopped = threading.Event()

    def validate(self, wish: ScreenWish) -> None: ...

    def start(self, wish: ScreenWish, *, timeout_s: float) -> Screen:
        self.asked.append(f"start {wish.node_uuid}")
        self.go_on.wait(10)
        if self.fails:
            raise BmcError("it cannot")
        return Screen(host="h", port=1, lifetime_s=self.lifetime_s)

    def stop(self, wish: ScreenWish, *, timeout_s: float) -> None:
        self.asked.append(f"stop {wish.node_uuid}")
        self.at_stop()
        self.stopped.set()
        self.failing_stops -= 1
        if self.failing_stops >= 0:
            raise BmcError("podman is busy")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def screens(provider: Provider, clock: Clock, tmp_path: Path) -> BroughtScreens:
    return made(provider, clock, tmp_path)


def made(provider: Provider, clock: Clock, folder: Path, **more: Any) -> BroughtScreens:
    options: dict[str, Any] = {"most": 2, "timeout_s": 1.0, "monotonic": clock, **more}
    return BroughtScreens({"p": provider}, "p", folder / "screens", **options)


def tidied(screens: BroughtScreens, provider: Provider) -> None:
    provider.stopped.clear()
    screens.tidy()
    assert provider.stopped.wait(10)


def test_one_for_all_who_look_and_let_go_of_after_the_last(
    screens: BroughtScreens, provider: Provider, clock: Clock, tmp_path: Path
) -> None:
    first, second = screens.hold(WISH), screens.hold(WISH)
    assert first is second
    assert (tmp_path / "screens/n1").read_text() == "p\nfake"
    screens.let_go(first)
    clock.now = 1000
    screens.tidy()
    screens.let_go(second)
    clock.now += 29
    screens.tidy()
    assert provider.asked == ["start n1"]
    clock.now += 1
    tidied(screens, provider)
    screens.release_all()
    assert provider.asked == ["start n1", "stop n1"]
    assert list((tmp_path / "screens").iterdir()) == []


def test_one_that_fails_is_told_to_stop_and_asked_anew(
    screens: BroughtScreens, provider: Provider
) -> None:
    provider.fails = True
    with pytest.raises(BmcError, match="it cannot"):
        screens.hold(WISH)
    tidied(screens, provider)
    provider.fails = False
    assert screens.hold(WISH).there.host == "h"
    assert provider.asked == ["start n1", "stop n1", "start n1"]


def test_another_wish_waits_until_the_one_of_before_is_gone(
    provider: Provider, tmp_path: Path
) -> None:
    screens = BroughtScreens({"p": provider}, "p", tmp_path / "screens", most=2, timeout_s=10)
    other = ScreenWish(node_uuid="n1", provider="p", application="other")
    brought = screens.hold(WISH)
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(screens.hold(other).wish))
    thread.start()
    screens.let_go(brought)
    while not brought.is_over:
        pass
    tidied(screens, provider)
    thread.join(10)
    assert results == [other]
    assert provider.asked == ["start n1", "stop n1", "start n1"]


def test_one_whose_time_is_over_is_not_given_to_anybody_new(
    screens: BroughtScreens, provider: Provider, clock: Clock
) -> None:
    provider.lifetime_s = 100
    brought = screens.hold(WISH)
    assert brought.ends_at == 100
    screens.let_go(brought)
    clock.now = 100
    tidied(screens, provider)
    provider.lifetime_s = None
    assert screens.hold(WISH) is not brought


def test_what_the_rows_do_not_allow_any_more_is_let_go_of_when_its_sessions_end(
    screens: BroughtScreens, provider: Provider, clock: Clock
) -> None:
    brought = screens.hold(WISH)
    screens.end_all_but({"n1": WISH}, 1.0)
    assert not brought.is_over
    screens.end_all_but({}, 0.0)  # read before it began
    assert not brought.is_over
    screens.end_all_but({}, 1.0)
    screens.tidy()
    assert provider.asked == ["start n1"]  # somebody still looks
    screens.let_go(brought)
    tidied(screens, provider)


def test_there_are_not_without_a_bound(screens: BroughtScreens) -> None:
    for name in ("n1", "n2"):
        screens.hold(ScreenWish(node_uuid=name, provider="p", application="fake"))
    with pytest.raises(Conflict, match="console_screen_sessions"):
        screens.hold(ScreenWish(node_uuid="n3", provider="p", application="fake"))


def test_one_that_nobody_looks_at_makes_room(provider: Provider, tmp_path: Path) -> None:
    screens = BroughtScreens({"p": provider}, "p", tmp_path / "screens", most=1, timeout_s=10)
    brought = screens.hold(WISH)
    screens.let_go(brought)
    other = ScreenWish(node_uuid="n2", provider="p", application="fake")
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(screens.hold(other).wish))
    thread.start()
    while not brought.is_over:
        pass
    tidied(screens, provider)
    thread.join(10)
    assert results == [other]
    assert provider.asked == ["start n1", "stop n1", "start n2"]


def test_what_a_crashed_controller_has_left_is_stopped(
    screens: BroughtScreens, provider: Provider, clock: Clock, tmp_path: Path
) -> None:
    screens.hold(WISH)
    after = made(provider, clock, tmp_path)
    after.release_left()
    assert provider.asked == ["start n1", "stop n1"]
    assert list((tmp_path / "screens").iterdir()) == []
    after.release_left()
    assert provider.asked == ["start n1", "stop n1"]
    assert after.hold(WISH).users == 1


@pytest.mark.parametrize(
    ("site", "words"), [("", "console_screen_provider"), ("x", "no plug-in 'x'")]
)
def test_without_a_provider_it_says_what_to_set(
    provider: Provider, tmp_path: Path, site: str, words: str
) -> None:
    screens = BroughtScreens({"p": provider}, site, tmp_path, most=2, timeout_s=1)
    with pytest.raises(Invalid, match=words):
        screens.provider_of(WISH)


def test_one_whose_stop_fails_is_told_again_and_is_written_down_until_then(
    screens: BroughtScreens, provider: Provider, clock: Clock, tmp_path: Path
) -> None:
    note = tmp_path / "screens/n1"
    screens.let_go(screens.hold(WISH))
    provider.failing_stops = 2
    for stops in (1, 2, 3):
        clock.now += 60
        ended(screens, provider)
        assert provider.asked == ["start n1", *["stop n1"] * stops]
        assert note.exists() == (stops < 3)
        screens.tidy()  # not at once
        assert len(provider.asked) == 1 + stops
    assert screens.hold(WISH).users == 1


def test_one_whose_stop_fails_always_is_left_to_the_next_start(
    screens: BroughtScreens, provider: Provider, clock: Clock, tmp_path: Path
) -> None:
    screens.let_go(screens.hold(WISH))
    provider.failing_stops = 100
    for _ in range(3):
        clock.now += 60
        ended(screens, provider)
    clock.now += 60
    screens.tidy()
    assert provider.asked == ["start n1", *["stop n1"] * 3]
    assert (tmp_path / "screens/n1").exists()
    provider.failing_stops = 0
    made(provider, clock, tmp_path).release_left()
    assert provider.asked == ["start n1", *["stop n1"] * 4]
    assert not (tmp_path / "screens/n1").exists()


def test_what_is_gone_or_unreadable_when_its_turn_comes_holds_no_other_up(
    screens: BroughtScreens, provider: Provider, clock: Clock, tmp_path: Path
) -> None:
    folder = tmp_path / "screens"
    folder.mkdir()
    for name in ("n1", "n2", "n4"):
        (folder / name).write_text("p\nfake")
    (folder / "n3").write_bytes(b"\xff")
    provider.at_stop = lambda: (folder / "n2").unlink(missing_ok=True)
    screens.release_left()
    assert provider.asked == ["stop n1", "stop n4"]


def ended(screens: BroughtScreens, provider: Provider) -> None:
    """Tidy, and wait for the thread's end."""
    tidied(screens, provider)
    for thread in threading.enumerate():
        if thread.name == "screen-stop":
            thread.join(10)


def test_a_note_that_cannot_be_removed_is_a_failed_stop(
    screens: BroughtScreens, provider: Provider, clock: Clock, tmp_path: Path
) -> None:
    note = tmp_path / "screens/n1"
    screens.let_go(screens.hold(WISH))
    note.unlink()
    note.mkdir()
    for stops in (1, 2, 3):
        clock.now += 60
        ended(screens, provider)
        assert provider.asked == ["start n1", *["stop n1"] * stops]
    note.rmdir()  # told so often, its place is free all the same
    assert screens.hold(WISH).users == 1
    assert provider.asked[-1] == "start n1"
