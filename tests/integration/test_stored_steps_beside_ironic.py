"""Deploy templates and runbooks: our API answers as real Ironic does, right requests and wrong ones, at every version that matters."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)
COLLECTIONS = ("deploy_templates", "runbooks")
_PLACE = {"deploy_templates": "priority", "runbooks": "order"}
_MISSING = "(missing)"
NOBODY = "11111111-2222-4333-8444-555555555555"


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as found:
        yield found


@pytest.fixture
def both(pair: Beside) -> Iterator[Beside]:
    pair.differences.clear()
    yield pair
    assert not pair.differences, "\n".join(pair.differences)


@pytest.fixture(params=COLLECTIONS)
def path(request: pytest.FixtureRequest, pair: Beside) -> Iterator[str]:
    """Give the path of a collection; afterwards it is emptied on both sides, which may have different items."""
    place = f"/v1/{request.param}"
    yield place
    for side in range(2):
        for one in pair.ask("GET", place)[side].document[request.param]:
            pair.ask("DELETE", f"{place}/{one['uuid']}")


def a_step(path: str, name: str = "burn", **changes: Any) -> dict[str, Any]:
    whole = {"interface": "deploy", "step": name, "args": {}, _PLACE[path.rpartition("/")[2]]: 50}
    return {key: value for key, value in (whole | changes).items() if value is not _MISSING}


def made(both: Beside, path: str, name: str, *steps: Any, **more: Any) -> str:
    """Create an item on both sides, and return its place."""
    found = list(steps) or [a_step(path)]
    both.ok("POST", path, {"name": name, "steps": found, "uuid": both.uuid()} | more)
    return f"{path}/{name}"


def test_what_is_made_is_shown_listed_and_deleted_alike(both: Beside, path: str) -> None:
    secret = {"password": "sesame", "deep": {"api_token": "x", "kept": 1}, "size": 3}
    place = made(both, path, "CUSTOM_A", a_step(path, args=secret), extra={"a": 1})
    assert both.ok("GET", place)["steps"][0]["args"]["password"] == "******"
    made(both, path, "CUSTOM_B", a_step(path, "one"), a_step(path, "two", interface="raid"))
    uuids = [one["uuid"] for one in both.ok("GET", path)[path.rpartition("/")[2]]]
    for query in (
        *("detail=true", "detail=false", "detail=maybe", "detail=true&fields=uuid"),
        *("fields=name", "fields=steps,uuid", "fields=links", "fields=nope", "fields=id"),
        *("sort_key=name&sort_dir=desc", "sort_key=uuid", "sort_key=created_at", "sort_key=nope"),
        *("sort_key=extra", "sort_key=steps", "sort_key=links", "sort_dir=up", "nope=1"),
        *("limit=0", "limit=-1", "limit=x", f"marker={uuids[0]}", f"marker={NOBODY}"),
    ):
        both.same("GET", f"{path}?{query}")
    for query in ("fields=name,steps", "fields=nope", "detail=true", "nope=1"):
        both.same("GET", f"{place}?{query}")
    both.same("GET", f"{path}/{uuids[0]}")
    for nobody in ("CUSTOM_NOBODY", both.uuid(), "detail", "two%20words", "a!"):
        for method, body in (("GET", None), ("PATCH", []), ("DELETE", None)):
            both.same(method, f"{path}/{nobody}", body)
    both.same("PUT", place, {})
    both.same("DELETE", place)
    both.same("GET", place)


def test_names_and_uuids_are_taken_once(both: Beside, path: str) -> None:
    place, uuid = made(both, path, "CUSTOM_A"), both.uuid()
    steps = [a_step(path)]
    both.same("POST", path, {"name": "CUSTOM_A", "steps": steps})
    both.same("POST", path, {"name": "CUSTOM_B", "steps": steps, "uuid": uuid})
    both.same("POST", path, {"name": "CUSTOM_C", "steps": steps, "uuid": uuid})
    both.same("PATCH", place, [{"op": "replace", "path": "/name", "value": "CUSTOM_B"}])
    both.same("PATCH", place, [{"op": "add", "path": "/extra/a", "value": 1}])
    both.same("PATCH", place, [{"op": "replace", "path": "/name", "value": "CUSTOM_A"}])


STEPS: tuple[dict[str, Any], ...] = (
    *each("interface", "raid", "bios", "vendor", "network", "boot", 5, None),
    *each("step", "", 5, None, "hold"),
    *each("args", [], None, "a", {"a": {"b": [1]}}),
    *each("place", 0, "0", "17", -1, "-1", "", "x", 1.5, True, None, "1.5"),
    *({one: _MISSING} for one in ("interface", "step", "args", "place")),
    *({one: 1} for one in ("abortable", "execute_on_child_nodes", "x")),
    {"order": 1, "priority": 1},
)
"""How a step differs from a right one; ``place`` is its priority or its order."""
BODIES: tuple[dict[str, Any], ...] = (
    *each("steps", [], {}, None, "a", [5], [None], _MISSING),
    *each("name", None, 5, "", "CUSTOM_", "CUSTOM_a", "A" * 256, "a b", "a/b"),
    *each("name", "HW_CPU_X86_VMX", "CUSTOM_" + "A" * 248, _MISSING),
    *each("name", "my-book", "a.b~c_d"),
    *each("extra", None, {}, [], "a"),
    *each("description", None, "words", "a" * 255, "a" * 256, 5),
    *each("uuid", None, "x", 5),
    *each("public", None, True, False, "yes"),
    *each("disable_ramdisk", None, True, "yes"),
    *({"traits": ["CUSTOM_A"]}, {"created_at": None}, {"links": []}, {"nope": 1}),
    {"owner": 5},
)
"""How a creation differs from a right one."""


def test_steps_have_ironics_form(both: Beside, path: str) -> None:
    place = _PLACE[path.rpartition("/")[2]]
    for changes in STEPS:
        renamed = {place if key == "place" else key: changes[key] for key in changes}
        body = {"name": "CUSTOM_A", "uuid": both.uuid(), "steps": [a_step(path, **renamed)]}
        ours, theirs = both.ask("POST", path, body)
        if ours.status != theirs.status:
            both.differences.append(f"{changes}: {ours}, theirs {theirs}")
        if 201 in {ours.status, theirs.status}:
            # Ironic's first answer has a number as text that was sent so, its second has a number
            both.same("GET", f"{path}/CUSTOM_A")
            both.ask("DELETE", f"{path}/CUSTOM_A")


@pytest.mark.parametrize("minor", [111, 115])
def test_creations_are_taken_and_refused_alike(both: Beside, path: str, minor: int) -> None:
    for changes in BODIES:
        whole = {"name": "CUSTOM_A", "steps": [a_step(path)], "uuid": both.uuid()} | changes
        body = {key: value for key, value in whole.items() if value is not _MISSING}
        ours, theirs = both.ask("POST", path, body, minor=minor)
        for said in (ours, theirs):
            if said.document and body["uuid"] is None:  # each has chosen one of its own
                said.document["uuid"] = said.document["links"] = None
        if ours != theirs:
            both.differences.append(f"{changes}: {ours}, theirs {theirs}")
        if 201 in {ours.status, theirs.status}:
            both.ask("DELETE", f"{path}/{body['name']}")


def test_no_step_may_be_there_twice(both: Beside, path: str) -> None:
    steps = [a_step(path), a_step(path, args={"a": 1})]
    both.same("POST", path, {"name": "CUSTOM_A", "steps": steps})
    other = [a_step(path), a_step(path, interface="raid")]
    both.same("POST", path, {"name": "CUSTOM_A", "steps": other, "uuid": both.uuid()})


def patch(*operations: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(("op", "path", "value"), one, strict=False)) for one in operations]


def test_patches_are_taken_and_refused_alike(both: Beside, path: str) -> None:
    place = made(both, path, "CUSTOM_A", extra={"a": 1})
    operations: list[Any]
    for operations in (
        [("add", "/extra/b", 2)],
        [("remove", "/extra/a"), ("replace", "/extra/b", 3)],
        [("remove", "/extra/nope")],
        [("replace", "/extra", None)],
        [("add", "/extra", {"c": 1})],
        [("remove", "/extra")],
        [("replace", "/name", None)],
        [("replace", "/name", "with space")],
        [("remove", "/name")],
        [("replace", "/uuid", both.uuid())],
        [("replace", "/links", [])],
        [("replace", "/traits", [])],
        [("add", "/nope", 1)],
        [("test", "/name", "CUSTOM_A")],
        [("replace", "/created_at", None)],
        [("replace", "/name")],
        [],
    ):
        both.same("PATCH", place, patch(*operations))
    both.same("PATCH", place, {})
    both.same("GET", place)


def test_patches_of_steps_are_taken_and_refused_alike(both: Beside, path: str) -> None:
    number = f"/steps/0/{_PLACE[path.rpartition('/')[2]]}"
    operations: list[Any]
    for operations in (
        [("add", "/steps/-", a_step(path, "more"))],
        [("add", "/steps/0", a_step(path, "more"))],
        [("add", "/steps/-", a_step(path, "tune"))],
        [("replace", number, 60)],
        [("replace", number, -1)],
        [("add", "/steps/0/args/level", 1)],
        [("remove", "/steps/0/args/password")],
        [("replace", "/steps/0/step", "tune")],
        [("replace", "/steps/0/interface", "network")],
        [("remove", "/steps/0")],
        [("remove", "/steps/0"), ("remove", "/steps/0")],
        [("remove", "/steps/7")],
        [("remove", number)],
        [("remove", "/steps")],
        [("replace", "/steps", [])],
        [("replace", "/steps", [a_step(path, "only")])],
    ):
        # made anew: after a patch Ironic may have the steps in another order than the one that was sent
        steps = [a_step(path, args={"password": "a"}), a_step(path, "tune")]
        place = made(both, path, "CUSTOM_A", *steps)
        # a first change: Ironic does not note when steps alone have changed
        both.same("PATCH", place, patch(("add", "/extra/a", 1)))
        both.same("PATCH", place, patch(*operations))
        both.same("GET", place)
        both.same("DELETE", place)


def test_runbooks_have_an_owner_or_are_public(both: Beside) -> None:
    path = "/v1/runbooks"
    place = made(both, path, "book", description="words", disable_ramdisk=True)
    operations: list[Any]
    for operations in (
        [("replace", "/owner", "me")],
        [("replace", "/public", True)],
        [("replace", "/owner", "me")],
        [("replace", "/public", False), ("replace", "/owner", "me")],
        [("replace", "/public", True), ("replace", "/owner", "me")],
        [("remove", "/owner")],
        [("add", "/owner", "other")],
        [("replace", "/owner", 5)],
        [("replace", "/public", "yes")],
        [("remove", "/public")],
        [("replace", "/disable_ramdisk", None)],
        [("remove", "/description")],
        [("replace", "/description", "a" * 256)],
    ):
        both.same("PATCH", place, patch(*operations))
    both.same("PATCH", place, patch(("replace", "/public", True)))
    for query in ("project=true", "project=false", "project=me", "owner=me", "public=true"):
        both.same("GET", f"{path}?{query}")
    for query in ("sort_key=owner", "sort_key=public", "sort_key=traits", "sort_key=description"):
        both.same("GET", f"{path}?{query}")
    for minor in (92, 111, 112):
        both.same("GET", place, minor=minor)
        both.same("GET", f"{path}?detail=true", minor=minor)
        both.same("GET", f"{place}?fields=traits", minor=minor)
        both.same("GET", f"{path}?fields=description", minor=minor)
        both.same("PATCH", place, patch(("replace", "/description", "x")), minor=minor)
    both.same("DELETE", place)


def test_runbooks_have_traits(both: Beside) -> None:
    place = made(both, "/v1/runbooks", "book")
    traits = f"{place}/traits"
    for body in (
        {"traits": ["CUSTOM_B", "CUSTOM_A", "CUSTOM_B"]},
        *each("traits", [], "CUSTOM_A", ["bad"], [5], None),
        *({}, {"traits": [], "x": 1}, {"traits": ["CUSTOM_C"]}),
    ):
        both.same("PUT", traits, body)
        both.same("GET", traits)
    for trait in ("CUSTOM_X", "CUSTOM_X", "bad", "HW_CPU_X86_VMX"):
        both.same("PUT", f"{traits}/{trait}")
    both.same("PUT", f"{traits}/CUSTOM_Y", {})
    both.same("PUT", f"{traits}/CUSTOM_Z", {"traits": ["CUSTOM_A"]})
    both.same("GET", place)
    for trait in ("CUSTOM_X", "CUSTOM_X", "bad"):
        both.same("DELETE", f"{traits}/{trait}")
    both.same("GET", traits)
    both.same("DELETE", traits)
    both.same("GET", traits)
    for method, below in (
        ("GET", ""),
        ("PUT", "/CUSTOM_A"),
        ("DELETE", ""),
        ("DELETE", "/CUSTOM_A"),
    ):
        both.same(method, f"/v1/runbooks/nobody/traits{below}")
        both.same(method, f"{traits}{below}", minor=111)
    both.same("POST", traits, {})
    both.same("DELETE", place)
