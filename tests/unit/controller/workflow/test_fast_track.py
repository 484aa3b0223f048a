"""Whose agent is kept, and which changes of a node end that."""

from typing import Any

import pytest

from controller.boot.switches import is_fast_track
from controller.errors import Invalid
from controller.settings import Settings
from controller.store.tables import Node, Port
from controller.workflow.fast_track import fingerprint, may_be_kept, obstacle

SETTINGS = Settings(fast_track=True)
PORTS = (Port(address="52:54:00:00:00:01"),)
LIVING = {
    "boot_target": "ramdisk",
    "agent_url": "https://192.0.2.7:9999",
    "agent_heard_at": 1000.0,
}


def a_node(**changes: Any) -> Node:
    values: dict[str, Any] = {
        "driver": "ipmi",
        "driver_info": {"ipmi_address": "192.0.2.9", "ipmi_password": "hunter2"},
        "driver_internal_info": LIVING,
        "instance_info": {},
        "properties": {},
        "agent_secret": "t" * 32,
        "boot_mode": "uefi",
        **changes,
    }
    return Node(**values)


def kept(settings: Settings = SETTINGS, **changes: Any) -> Node:
    mark = fingerprint(a_node(), PORTS, settings)
    return a_node(driver_internal_info={**LIVING, "agent_kept_as": mark}, **changes)


@pytest.mark.parametrize(
    ("own", "setting", "is_allowed"),
    [(None, False, False), (None, True, True), ("true", False, True), (False, True, False)],
)
def test_a_node_has_the_last_word(own: Any, setting: bool, is_allowed: bool) -> None:
    assert is_fast_track({"fast_track": own}, Settings(fast_track=setting)) is is_allowed


def test_a_word_that_is_no_truth_value_is_refused() -> None:
    with pytest.raises(Invalid, match=r"driver_info/fast_track.*'maybe'.*give true or false"):
        is_fast_track({"fast_track": "maybe"}, SETTINGS)


def test_a_kept_agent_that_lives_can_be_used() -> None:
    assert may_be_kept(a_node(retired=False), SETTINGS)
    assert obstacle(kept(), PORTS, SETTINGS, now=1299.0) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"retired": True},
        {"driver_info": {"fast_track": False}},
        {"driver_internal_info": {**LIVING, "boot_target": None}},
        {"driver_internal_info": {**LIVING, "agent_url": None}},
        {"driver_internal_info": {**LIVING, "agent_restarted_at": 1.0}},
        {"driver_internal_info": {**LIVING, "agent_locked_out_at": 1.0}},
    ],
)
def test_such_an_agent_is_not_kept(changes: dict[str, Any]) -> None:
    assert not may_be_kept(a_node(**changes), SETTINGS)


@pytest.mark.parametrize(
    ("node", "ports", "settings"),
    [
        (kept(driver_info={"ipmi_address": "192.0.2.10"}), PORTS, SETTINGS),
        (kept(driver="redfish"), PORTS, SETTINGS),
        (kept(), (*PORTS, Port(address="52:54:00:00:00:02")), SETTINGS),
        (kept(), PORTS, Settings(fast_track=True, deploy_ramdisk="/boot/new")),
        (kept(), PORTS, Settings(fast_track=True, allow_md5_images=True)),
    ],
)
def test_another_machine_or_another_ramdisk_needs_a_boot(
    node: Node, ports: tuple[Port, ...], settings: Settings
) -> None:
    assert "have been changed" in str(obstacle(node, ports, settings, now=1001.0))


def test_no_secret_goes_into_the_mark() -> None:
    other = a_node(driver_info={"ipmi_address": "192.0.2.9", "ipmi_password": "other"})
    assert fingerprint(other, PORTS, SETTINGS) == fingerprint(a_node(), PORTS, SETTINGS)


@pytest.mark.parametrize(("now", "is_fresh"), [(1300.0, True), (1301.0, False)])
def test_an_old_heartbeat_needs_a_boot(now: float, is_fresh: bool) -> None:
    assert (obstacle(kept(), PORTS, SETTINGS, now=now) is None) is is_fresh
