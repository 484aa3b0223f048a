"""The form of the steps that a client asks for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import Invalid
from controller.hardware.steps import Kind
from controller.workflow.steps.wishes import MOST_STEPS, read_wishes

DEPLOY: dict[str, Any] = {"interface": "raid", "step": "a", "args": {}, "priority": 50}


def test_steps_are_read_in_their_order() -> None:
    plain: dict[str, Any] = {"interface": "deploy", "step": "a", "args": {"x": 1}}
    assert [wish.step for wish in read_wishes(Kind.CLEAN, [plain, {**plain, "step": "b"}])] == [
        "a",
        "b",
    ]
    ordered = [{**plain, "order": 10}, {**plain, "step": "b", "order": "9"}]
    assert [wish.step for wish in read_wishes(Kind.SERVICE, ordered)] == ["b", "a"]
    assert read_wishes(Kind.DEPLOY, [DEPLOY, {**DEPLOY, "priority": "60"}])[1].priority == "60"


@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [
        (Kind.CLEAN, {"step": "a"}, r"clean_steps\[0\].*interface"),
        (Kind.CLEAN, {"interface": "deploy"}, r"clean_steps\[0\].*step"),
        (Kind.CLEAN, {"interface": "deploy", "step": ""}, "step is empty"),
        (Kind.CLEAN, {"interface": "deploy", "step": 5}, r"Expected `str`.*\.step"),
        (Kind.CLEAN, {"interface": "deploy", "step": "a", "args": []}, r"\.args"),
        (Kind.CLEAN, {"interface": "deploy", "step": "a", "colour": 1}, "unknown field `colour`"),
        (Kind.CLEAN, {"interface": "network", "step": "a"}, "'network' has no clean steps; possib"),
        (Kind.CLEAN, {"interface": "deploy", "step": "a", "priority": 5}, "take no priority"),
        (Kind.CLEAN, {"interface": "deploy", "step": "a", "order": "x"}, "'x' is no whole number"),
        (Kind.CLEAN, {"interface": "deploy", "step": "a", "order": -1}, "'-1' is no whole number"),
        (
            Kind.CLEAN,
            {"interface": "deploy", "step": "a", "order": "9" * 5000},
            "is no whole number",
        ),
        (Kind.DEPLOY, {**DEPLOY, "priority": "9" * 5000}, "is no whole number"),
        (
            Kind.CLEAN,
            {"interface": "power", "step": "reboot", "limit_child_node_execution": ["x"]},
            "'x', which is no UUID of a node",
        ),
        (
            Kind.CLEAN,
            {
                "interface": "power",
                "step": "reboot",
                "limit_child_node_execution": ["8b1b0d0a-0f0e-4f6e-9b39-4a2d0d9d8e11"],
            },
            "needs execute_on_child_nodes: true",
        ),
        (Kind.DEPLOY, {"interface": "raid", "step": "a"}, "lacks args, priority"),
        (Kind.DEPLOY, {**DEPLOY, "args": None}, "lacks args or priority"),
        (Kind.DEPLOY, {**DEPLOY, "order": 1}, "take no order"),
        (Kind.DEPLOY, {**DEPLOY, "priority": "high"}, "'high' is no whole number"),
    ],
)
def test_another_form_is_refused_with_the_place(
    kind: Kind, document: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        read_wishes(kind, [document])


def test_an_order_for_some_steps_only_and_too_many_steps_are_refused() -> None:
    plain = {"interface": "deploy", "step": "a"}
    with pytest.raises(Invalid, match="for every step, or for none"):
        read_wishes(Kind.CLEAN, [plain, {**plain, "order": 1}])
    with pytest.raises(Invalid, match="at most 100"):
        read_wishes(Kind.CLEAN, [plain] * (MOST_STEPS + 1))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_KEYS = st.sampled_from(
    ["interface", "step", "args", "priority", "order", "execute_on_child_nodes", "x"]
)


@given(st.lists(st.dictionaries(_KEYS, _JSON), max_size=3), st.sampled_from(Kind))
def test_whatever_a_client_sends_is_read_or_refused(
    documents: list[dict[str, Any]], kind: Kind
) -> None:
    try:
        wishes = read_wishes(kind, documents)
    except Invalid:
        return
    assert len(wishes) == len(documents)
