from controller.store.conductors import Watch
from controller.store.tables import Conductor


def row(name: str, beat: int, instance: str | None = "1") -> Conductor:
    return Conductor(hostname=name, beat=beat, instance=instance)


def living(watch: Watch, now: float, *rows: Conductor) -> list[str]:
    return [one.hostname for one in watch.living(rows, now)]


def test_a_controller_lives_while_its_beat_grows_within_the_lease() -> None:
    watch = Watch(30.0)
    assert living(watch, 0.0, row("a", 1), row("b", 1)) == ["a", "b"]
    assert living(watch, 29.0, row("a", 2), row("b", 1)) == ["a", "b"]
    assert living(watch, 30.0, row("a", 3), row("b", 1)) == ["a"]
    assert living(watch, 31.0, row("a", 4), row("b", 2)) == ["a", "b"]


def test_one_that_ended_in_order_is_dead_at_once_and_one_that_began_anew_lives() -> None:
    watch = Watch(30.0)
    assert living(watch, 0.0, row("a", 1)) == ["a"]
    assert living(watch, 1.0, row("a", 1, None)) == []
    assert living(watch, 2.0, row("a", 1, "2")) == ["a"]
