from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.documents.patch import RESET, apply, parse
from controller.errors import Invalid

ALLOWED = ("extra", "name", "driver_info")


def patched(document: Any, current: dict[str, Any]) -> dict[str, Any]:
    return apply(parse(document, ALLOWED), current)


def test_add_of_a_member_leaves_the_others() -> None:
    changed = patched([{"op": "add", "path": "/extra/b", "value": 2}], {"extra": {"a": 1}})
    assert changed == {"extra": {"a": 1, "b": 2}}


def test_add_of_an_attribute_replaces_it() -> None:
    changed = patched([{"op": "add", "path": "/extra", "value": {"b": 2}}], {"extra": {"a": 1}})
    assert changed == {"extra": {"b": 2}}


def test_remove_of_an_attribute_resets_it() -> None:
    assert patched([{"op": "remove", "path": "/name"}], {"name": "x"}) == {"name": RESET}


def test_a_member_can_be_added_to_an_attribute_that_was_reset_before() -> None:
    operations = [
        {"op": "remove", "path": "/extra"},
        {"op": "add", "path": "/extra/new", "value": 1},
    ]
    assert patched(operations, {"extra": {"old": 1}}) == {"extra": {"new": 1}}


@pytest.mark.parametrize("op", ["replace", "remove"])
def test_an_attribute_that_was_removed_can_only_be_added_again(op: str) -> None:
    removed = {"op": "remove", "path": "/name"}
    again = {"op": op, "path": "/name", "value": "y"}
    with pytest.raises(Invalid, match=f"Couldn't apply {op} /name: no such member"):
        patched([removed, again], {"name": "x"})
    assert patched([removed, {**again, "op": "add"}], {"name": "x"}) == {"name": "y"}


def test_a_later_operation_sees_what_an_earlier_one_did() -> None:
    operations = [
        {"op": "add", "path": "/extra/list", "value": [1, 2]},
        {"op": "add", "path": "/extra/list/-", "value": 3},
        {"op": "replace", "path": "/extra/list/0", "value": 0},
    ]
    assert patched(operations, {"extra": {}}) == {"extra": {"list": [0, 2, 3]}}


def test_escapes_in_a_path_are_decoded() -> None:
    changed = patched([{"op": "add", "path": "/extra/a~1b~0c", "value": 1}], {"extra": {}})
    assert changed == {"extra": {"a/b~c": 1}}


def test_what_is_stored_is_not_touched() -> None:
    stored = {"extra": {"deep": {"a": 1}}}
    patched([{"op": "add", "path": "/extra/deep/b", "value": 2}], stored)
    assert stored == {"extra": {"deep": {"a": 1}}}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"op": "add"}, "must be a JSON list"),
        (["add"], "operation 1 of the patch must be an object"),
        ([{"path": "/name", "value": 1}], "op must be one of"),
        ([{"op": "test", "path": "/name", "value": 1}], "op must be one of"),
        ([{"op": "add", "path": "/name"}], "does not contain a value"),
        ([{"op": "add", "path": "name", "value": 1}], "path must be a string"),
        ([{"op": "add", "path": "/", "value": 1}], "path must be a string"),
        ([{"op": "add", "path": 5, "value": 1}], "path must be a string"),
        ([{"op": "add", "path": "/uuid", "value": 1}], "Cannot patch /uuid. Only the following"),
        ([{"op": "add", "path": "/name", "value": 1, "from": "/x"}], "unknown members: from"),
        ([{"op": "remove", "path": "/extra/none"}], "Couldn't apply remove /extra/none"),
        ([{"op": "replace", "path": "/extra/none", "value": 1}], "Couldn't apply replace"),
        ([{"op": "add", "path": "/extra/none/x", "value": 1}], "Couldn't apply add /extra/none/x"),
        ([{"op": "add", "path": "/name/x", "value": 1}], "Couldn't apply add /name/x"),
    ],
)
def test_a_patch_that_cannot_be_applied_says_which_operation_and_why(
    document: Any, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        patched(document, {"extra": {"a": 1}, "name": "n"})


@pytest.mark.parametrize("op", ["add", "replace", "remove"])
@pytest.mark.parametrize("path", ["/nope/x", "/list/7", "/list/x", "/ipmi_password/x"])
def test_a_refusal_never_quotes_the_document(op: str, path: str) -> None:
    current = {"driver_info": {"ipmi_password": "geheim", "list": ["geheim"]}}
    operation = {"op": op, "path": f"/driver_info{path}", "value": 1}
    if op == "remove":
        del operation["value"]
    with pytest.raises(Invalid) as refusal:
        patched([operation], current)
    assert f"Couldn't apply {op} /driver_info{path}" in str(refusal.value)
    assert "geheim" not in str(refusal.value)


keys = st.text(min_size=1, max_size=8)
values = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


@given(st.dictionaries(keys, values), keys, values)
def test_any_key_can_be_added_and_removed_again(
    extra: dict[str, Any], key: str, value: Any
) -> None:
    path = "/extra/" + key.replace("~", "~0").replace("/", "~1")
    added = patched([{"op": "add", "path": path, "value": value}], {"extra": extra})
    assert added["extra"] == extra | {key: value}
    removed = patched([{"op": "remove", "path": path}], added)
    assert removed["extra"] == {k: v for k, v in extra.items() if k != key}
