"""Inspection rules: our API answers as real Ironic does, right requests and wrong ones.

Ironic fails (500) where arguments are missing or unknown, where a creation says no conditions, where conditions are removed, and where all
rules are deleted; it shows what is sensitive as soon as ``sensitive`` is removed. There we do what is meant, and the tests say what.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from controller.workflow.inspection_rules.operations import ACTIONS, CONDITIONS, Arguments
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)
PATH = "/v1/inspection_rules"
NOBODY = "11111111-2222-4333-8444-555555555555"
FAIL = {"op": "fail", "args": {"msg": "no"}}
SAME = {"op": "eq", "args": {"values": [1, 1]}}
_MISSING = "(missing)"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as found:
        yield found


@pytest.fixture
def both(pair: Beside) -> Iterator[Beside]:
    pair.differences.clear()
    yield pair
    pair.ours.call("DELETE", PATH, version="1.96")
    with sqlite3.connect(pair.theirs.database, timeout=30) as database:
        database.execute("DELETE FROM inspection_rules")
    database.close()
    assert not pair.differences, "\n".join(pair.differences)


def body(both: Beside, **changes: Any) -> dict[str, Any]:
    whole = {"uuid": both.uuid(), "conditions": [], "actions": [FAIL]} | changes
    return {name: value for name, value in whole.items() if value is not _MISSING}


def made(both: Beside, **changes: Any) -> str:
    """Create a rule on both sides, and return its place."""
    return f"{PATH}/{both.ok('POST', PATH, body(both, **changes))['uuid']}"


def patch(*operations: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(("op", "path", "value"), one, strict=False)) for one in operations]


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


def test_what_is_made_is_shown_listed_and_deleted_alike(both: Beside) -> None:
    place = made(both, description="first", priority=7, conditions=[SAME])
    made(both, sensitive=True, priority=9)
    uuids = [one["uuid"] for one in both.ok("GET", PATH)["inspection_rules"]]
    for query in (
        *("detail=true", "detail=false", "detail=maybe", "detail=true&fields=uuid", "nope=1"),
        *("fields=priority", "fields=actions,uuid", "fields=conditions,sensitive", "fields=links"),
        *("fields=nope", "fields=id", "fields=scope", "phase=main", "phase=", "phase=main&limit=1"),
        *("sort_key=priority&sort_dir=desc", "sort_key=uuid", "sort_key=created_at", "sort_dir=up"),
        *("sort_key=sensitive", "sort_key=description", "sort_key=phase", "sort_key=links"),
        *("sort_key=actions", "sort_key=conditions", "sort_key=nope"),
        *("limit=0", "limit=-1", "limit=x", f"marker={uuids[0]}", f"marker={NOBODY}"),
    ):
        both.same("GET", f"{PATH}?{query}")
    for query in ("fields=priority,actions", "fields=nope", "fields=scope", "detail=true"):
        both.same("GET", f"{place}?{query}")
    for one in uuids:
        both.same("GET", f"{PATH}/{one}")
    for nobody in (NOBODY, "detail", "a!"):
        for method, sent in (("GET", None), ("PATCH", []), ("DELETE", None)):
            both.same(method, f"{PATH}/{nobody}", sent)
    both.same("PUT", place, {})
    both.same("PUT", PATH, {})
    both.same("POST", PATH, body(both, uuid=uuids[0]))
    both.same("DELETE", place)
    both.same("GET", place)


def test_all_are_deleted_at_once(both: Beside) -> None:
    place = made(both)
    ours, theirs = both.ask("DELETE", PATH)
    assert (ours.status, theirs.status) == (204, 500)
    assert both.ours.ok("GET", PATH) == {"inspection_rules": []}
    ours, _theirs = both.ask("DELETE", f"{PATH}?nope=1")
    assert ours.status == 400
    both.ask("DELETE", place)


BODIES: tuple[dict[str, Any], ...] = (
    *each("priority", -1, 0, 9999, 10000, "5", None, True, 1.0, 1.5),
    *each("phase", None, "main", "preprocess", 5, "x" * 17),
    *each("sensitive", None, True, False, "yes", 1),
    *each("description", None, "", "a" * 255, "a" * 256, 5),
    *each("conditions", None, {}, "a", [None], ["a"], [SAME, SAME]),
    *each("actions", None, {}, [], "a", [None], ["a"], _MISSING, [FAIL, FAIL]),
    *({"scope": "x"}, {"scope": None}, {"nope": 1}, {"links": []}, {"created_at": None}),
    *({"extra": {}}, {"uuid": None}, {"uuid": 5}),
)
"""How a creation differs from a right one."""


def test_creations_are_taken_and_refused_alike(both: Beside) -> None:
    for changes in BODIES:
        sent = body(both, **changes)
        ours, theirs = both.ask("POST", PATH, sent)
        for said in (ours, theirs):
            if said.document and sent["uuid"] is None:  # each has chosen one of its own
                said.document["uuid"] = said.document["links"] = None
        if ours != theirs:
            both.differences.append(f"{changes}: {ours}, theirs {theirs}")
    wrong: Any
    for wrong in ([], "a", {}):
        both.same("POST", PATH, wrong)


_LOOPS: tuple[dict[str, Any], ...] = (
    *each("loop", [], {}, [1], {"a": 1}, "x", None, 5),
    *({"loop": [1], "multiple": one} for one in ("any", "all", "first", "last", "some", None)),
    *each("multiple", "all", "some"),
    *({"note": 1}, {"op": _MISSING}, {"args": _MISSING}),
    *each("op", 5, None, [], "nope", "le", "! eq", "not eq", " eq", "!!eq", "!fail"),
    *each("args", None, "x", 5),
)
"""How an operation differs from a right one."""


@pytest.mark.parametrize(("kind", "right"), [("conditions", SAME), ("actions", FAIL)])
def test_operations_have_ironics_form(both: Beside, kind: str, right: dict[str, Any]) -> None:
    for changes in _LOOPS:
        whole = {name: one for name, one in (right | changes).items() if one is not _MISSING}
        if kind == "actions" and "multiple" in changes:
            whole.pop("multiple")  # means nothing there: Ironic does not look at it
        both.same("POST", PATH, body(both, **{kind: [whole]}))


def _forms(arguments: Arguments) -> Iterator[Any]:
    least = len(arguments.required)
    names = (*arguments.required, *arguments.optional, "surplus")
    yield from (["a"] * count for count in (least - 1, least, len(names)))
    for first, last in ((0, least), (0, len(names) - 1), (0, len(names)), (1, len(names) - 1)):
        yield dict.fromkeys(names[first:last], "a")


@pytest.mark.parametrize(("kind", "known"), [("conditions", CONDITIONS), ("actions", ACTIONS)])
def test_every_operation_takes_ironics_arguments(
    both: Beside, kind: str, known: Mapping[str, Arguments]
) -> None:
    for op, arguments in known.items():
        for args in _forms(arguments):
            sent = body(both, **{kind: [{"op": op, "args": args}]})
            ours, theirs = both.ask("POST", PATH, sent)
            wanted = 400 if theirs.status == 500 else theirs.status
            if ours.status != wanted:
                both.differences.append(f"{op} {args}: {ours}, theirs {theirs}")
            if ours.document and not arguments.ignored and ours != theirs:
                both.differences.append(f"{op} {args}: {ours}, theirs {theirs}")


def test_a_rule_needs_no_conditions(both: Beside) -> None:
    ours, theirs = both.ask("POST", PATH, body(both, conditions=_MISSING))
    assert (ours.status, ours.document["conditions"], theirs.status) == (201, [], 500)


PATCHES: tuple[tuple[tuple[Any, ...], ...], ...] = (
    *((("replace", "/priority", value),) for value in (5, 10000, -1, None, "5", 1.0)),
    *((("remove", f"/{name}"),) for name in ("priority", "description", "sensitive", "actions")),
    *((("replace", "/description", value),) for value in ("x", None, "a" * 256)),
    (("add", "/description", "x"),),
    *((("replace", "/phase", value),) for value in ("main", "x", None)),
    *((("replace", "/sensitive", value),) for value in (True, False, None, "x")),
    *((("replace", "/actions", value),) for value in ([], None, [FAIL, FAIL])),
    (("add", "/actions/-", FAIL),),
    (("add", "/actions/0", {"op": "log", "args": {"msg": "m"}}),),
    (("remove", "/actions/0"),),
    (("remove", "/actions/9"),),
    (("replace", "/actions/0/args/msg", "other"),),
    (("replace", "/actions/0/op", "nope"),),
    (("add", "/conditions/-", SAME),),
    (("replace", "/conditions/0/op", "!eq"),),
    (("replace", "/conditions", None),),
    (("add", "/nope", 1),),
    (("replace", "/links", []),),
    (("test", "/priority", 0),),
    (("replace", "/priority"),),
    (("replace", "/priority", 1), ("replace", "/description", "z")),
    (),
)


@pytest.mark.parametrize("sensitive", [False, True])
def test_patches_are_taken_and_refused_alike(both: Beside, *, sensitive: bool) -> None:
    for operations in PATCHES:
        place = made(both, conditions=[SAME], sensitive=sensitive)
        if sensitive and operations and operations[0][1] == "/sensitive":
            continue
        both.same("PATCH", place, patch(*operations))
        both.same("GET", place)
    both.same("PATCH", made(both), {})


def test_what_is_sensitive_stays_so(both: Beside) -> None:
    wanted = ((("replace", True), 200), (("replace", False), 400), (("replace", None), 400))
    for (op, value), status in (*wanted, (("remove", None), 400)):
        place = made(both, sensitive=True)
        ours, _theirs = both.ask("PATCH", place, patch((op, "/sensitive", value)))
        assert ours.status == status, (op, value)
        assert both.ours.ok("GET", place)["actions"] is None


def test_what_ironic_breaks_at_is_patched_as_it_is_meant(both: Beside) -> None:
    place = made(both, conditions=[SAME])
    ours, theirs = both.ask("PATCH", place, patch(("remove", "/conditions")))
    assert (ours.status, ours.document["conditions"], theirs.status) == (200, [], 500)
    ours, theirs = both.ask("PATCH", place, patch(("remove", "/phase")))
    assert (ours.document["phase"], theirs.document["phase"]) == ("main", None)
