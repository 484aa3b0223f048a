from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.access.asking import listed_project, may, require
from controller.api.access.grants import Target, words
from controller.api.access.guarded import check_of, check_rules
from controller.api.access.node_checks import patch_rules
from controller.api.access.policy import RULES, TABLE
from controller.api.access.principal import EVERYBODY, NOBODY, Principal, Role
from controller.api.roles_file import RolesFile, read_roles
from controller.api.routes import ROUTES
from controller.errors import Forbidden, SettingsError

READER = Principal(user="r", project="a", roles=frozenset({Role.READER}))
OWNED, LEASED = Target(owner="a", lessee="b"), Target(owner="b", lessee="a")
PROJECTS = st.sampled_from([None, "a", "b", ""])
PRINCIPALS = st.builds(
    Principal,
    project=PROJECTS,
    roles=st.frozensets(st.sampled_from(list(Role))),
    is_system=st.booleans(),
)
TARGETS = st.builds(Target, owner=PROJECTS, lessee=PROJECTS)


def test_no_rule_is_there_twice_and_each_says_what_it_is_about() -> None:
    assert len(RULES) == len(TABLE)
    assert all(rule.what and words(rule.grants) for rule in TABLE)


def test_every_route_has_a_line_with_rules_that_there_are() -> None:
    check_rules(ROUTES)


def test_a_route_without_a_line_ends_the_start() -> None:
    with pytest.raises(LookupError, match="GET /v1/strangers has no line"):
        check_of(ROUTES[0]._replace(path="/v1/strangers"))


@given(principal=PRINCIPALS, target=TARGETS, rule=st.sampled_from(sorted(RULES)))
def test_more_roles_never_take_a_right_away(
    principal: Principal, target: Target, rule: str
) -> None:
    everything = replace(principal, roles=frozenset(Role))
    assert may(everything, rule, target) or not may(principal, rule, target)
    assert not may(replace(principal, roles=frozenset()), rule, target)
    assert may(EVERYBODY, rule, target)
    assert not may(NOBODY, rule, target)


@given(principal=PRINCIPALS, rule=st.sampled_from(sorted(RULES)))
def test_who_is_in_no_project_is_the_owner_of_nothing(principal: Principal, rule: str) -> None:
    homeless = replace(principal, project=None)
    assert may(homeless, rule, Target()) == may(homeless, rule, Target(owner="a", lessee="a"))


def test_a_reader_of_the_owner_and_of_the_lessee_sees_a_node_and_only_the_owners_sees_its_secrets() -> (
    None
):
    assert may(READER, "baremetal:node:get", OWNED)
    assert may(READER, "baremetal:node:get", LEASED)
    assert not may(READER, "baremetal:node:get", Target())
    assert may(READER, "baremetal:node:get:driver_info", OWNED)
    assert not may(READER, "baremetal:node:get:driver_info", LEASED)


def test_a_refusal_says_who_and_which_role_is_missing() -> None:
    with pytest.raises(Forbidden) as refused:
        require(READER, "baremetal:node:set_power_state", OWNED)
    assert str(refused.value) == (
        "r (reader of project a) may not switch the power: baremetal:node:set_power_state needs one of these roles: "
        "member of the lessee's project, member of the owner's project, member/service of the system"
    )


def test_a_list_is_the_projects_unless_one_may_see_all() -> None:
    assert listed_project(READER, "baremetal:node") == "a"
    assert listed_project(READER, "baremetal:node", "a") == "a"
    assert listed_project(replace(READER, is_system=True), "baremetal:node", "b") is None
    for who, asked in ((READER, "b"), (replace(READER, project=None), None), (NOBODY, None)):
        with pytest.raises(Forbidden):
            listed_project(who, "baremetal:node", asked)


def test_a_patch_asks_for_the_rules_of_its_fields() -> None:
    assert patch_rules(
        [
            {"op": "add", "path": "/driver_info/a", "value": 1},
            {"op": "add", "path": "/raid_interface", "value": "fake"},
            {"op": "add", "path": "/automated_clean", "value": "False"},
            {"op": "add", "path": "/automated_clean", "value": True},
        ]
    ) == (
        "baremetal:node:update:driver_info",
        "baremetal:node:update:driver_interfaces",
        "baremetal:node:disable_cleaning",
        "baremetal:node:update",
    )
    malformed: tuple[Any, ...] = (None, {}, [], ["x"], [{}], [{"path": 1}])
    for nonsense in malformed:
        assert patch_rules(nonsense) == ("baremetal:node:update",)


def test_roles_are_read_with_those_below_them(tmp_path: Path) -> None:
    path = tmp_path / "roles"
    path.write_text("# people\nann:admin\n\nolga:Operator\ntim:observer:team:a\nnova:service\n")
    found = read_roles(path)
    assert found["ann"].is_system
    assert found["ann"].roles == {Role.ADMIN, Role.MANAGER, Role.MEMBER, Role.READER}
    assert found["olga"].roles == {Role.MEMBER, Role.READER}
    assert found["tim"] == Principal(user="tim", project="team:a", roles=frozenset({Role.READER}))
    assert found["nova"].roles == {Role.SERVICE}


@pytest.mark.parametrize("line", ["ann", "ann:king", ":admin", f"ann:admin:{'p' * 256}"])
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "roles"
    path.write_text(f"bob:admin\n{line}\n")
    with pytest.raises(SettingsError, match="line 2 is not user:role"):
        read_roles(path)
    path.write_text("bob:admin\nbob:reader:a\n")
    with pytest.raises(SettingsError, match="bob has a line already"):
        read_roles(path)


def test_roles_change_with_the_file_and_who_has_no_line_has_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "roles"
    path.write_text("ann:admin\n")
    roles = RolesFile(path)
    assert roles.principal("bob") == Principal(user="bob")
    path.write_text("ann:reader\nbob:member\n")
    assert roles.principal("ann").roles == {Role.READER}
    path.write_text("nonsense\n")
    assert roles.principal("bob").is_system
    assert [record.levelname for record in caplog.records] == ["ERROR"]
