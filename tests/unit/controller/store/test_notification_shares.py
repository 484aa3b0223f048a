"""Who has how many notifications of those that are kept, how long one gets, and which there are."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from controller.states import TRANSITIONS, target_of
from controller.store.json_text import json_value
from controller.store.node_changes import (
    EVENT_TYPES,
    NodeChange,
    ProvisionStep,
    notifications_of,
)
from controller.store.node_payload import node_payload
from controller.store.notification_limit import shares
from controller.store.tables import Node

_COUNTS = some.dictionaries(
    some.tuples(some.sampled_from([None, "a", "b", "c"]), some.sampled_from([None, "x", "y"])),
    some.integers(1, 1000),
    min_size=1,
)


@given(_COUNTS, some.integers(0, 3000))
def test_who_has_less_than_a_share_keeps_all(
    counts: Mapping[tuple[str | None, str | None], int], keep: int
) -> None:
    kept = shares(counts, keep)
    assert sum(kept.values()) == min(keep, sum(counts.values()))
    for whose, count in counts.items():
        assert kept[whose] <= count
        assert kept[whose] >= min(count, keep // len(counts))


_MANY = "x" * 300_000
_FIELDS: Mapping[str, Any] = {
    **{name: {"args": {"a": _MANY}} for name in ("clean_step", "deploy_step", "extra")},
    "properties": {str(number): "ü" * 100 for number in range(1000)},
    "traits": [f"CUSTOM_{number}" for number in range(20_000)],
    **dict.fromkeys(("description", "last_error", "maintenance_reason", "name"), _MANY),
    **dict.fromkeys(("protected_reason", "retired_reason", "owner"), "?p=x" * 15000),
}


@pytest.mark.parametrize("large", [*((name,) for name in _FIELDS), tuple(_FIELDS)], ids=str)
def test_no_payload_is_too_long_whichever_field_is(large: tuple[str, ...]) -> None:
    values = {**dict.fromkeys(_FIELDS, "kept"), **{name: _FIELDS[name] for name in large}}
    node = Node(uuid="u", provision_state="active", **values)
    for more in ({}, {"to_power": _MANY}):
        text = node_payload(node, "NodePayload", {}, more)
        assert len(text.encode()) <= 65_536
        data = json_value(text)["ironic_object.data"]
        assert data["uuid"] == "u"
        assert {name for name in _FIELDS if data[name] == "kept"} == _FIELDS.keys() - set(large)


def test_all_that_is_told_is_known() -> None:
    """The names by which patterns of webhooks are checked."""
    found = set[str]()

    def tell(change: NodeChange) -> None:
        found.update(one.event_type for one in notifications_of(change, lambda _node: {}))

    node = Node(uuid="u", health="WARNING", power_state="power on", console_enabled=True)
    tell(NodeChange(node, is_new=True))
    tell(NodeChange(node, is_gone=True))
    before = dict.fromkeys(("extra", "maintenance", "console_enabled", "health"), "other")
    tell(NodeChange(node, before=before))
    tell(NodeChange(node, before={"power_state": "power off"}, is_look=True))
    tell(NodeChange(node, before={"power_state": "power off"}, ordered=["power on"]))
    for wanted in ("power on", "power off"):
        tell(NodeChange(node, before={"target_power_state": wanted}))
    for (state, event), after in TRANSITIONS.items():
        heading = target_of(after)
        step = ProvisionStep(
            event=event, before=state, target_before=None, after=after, target_after=heading
        )
        tell(NodeChange(node, steps=[step]))
    assert found == set(EVENT_TYPES)
