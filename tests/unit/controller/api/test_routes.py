from controller.api.routes import ROUTES
from controller.api.versions import MAX_MINOR


def test_no_route_is_there_twice() -> None:
    names = [(route.method, route.path) for route in ROUTES]
    assert len(names) == len(set(names))


def test_every_route_can_be_reached_at_some_version() -> None:
    assert all(1 <= route.since <= MAX_MINOR for route in ROUTES)


def test_every_handler_says_what_it_serves() -> None:
    assert all(route.sentence.endswith(".") for route in ROUTES)
