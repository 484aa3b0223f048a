"""Rules that are carried out safely: what a machine says is never read as a format, an expression or an address."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from controller.errors import SettingsError, StepFailed
from controller.workflow.inspection_rules.actions import Tools
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.built_in import built_in_rules
from controller.workflow.inspection_rules.calls import CallRules, call
from controller.workflow.inspection_rules.carrying_out import Rule, carry_out
from controller.workflow.inspection_rules.fault import RuleFault
from controller.workflow.inspection_rules.interpolation import Scope, filled
from controller.workflow.inspection_rules.patterns import Patterns
from controller.workflow.inspection_rules.subject import Subject
from tests.unit.controller.workflow.rule_families import INVENTORY, NODE, PLUGIN_DATA, PORT, PORTS
from tests.unit.controller.workflow.rule_subjects import subject_of_case

UUID = "0c4e1d5a-51a4-4b9b-a9a1-0000000000aa"
TAG: Mapping[str, Any] = {"op": "set-attribute", "args": {"path": "extra/tag", "value": "x"}}


def subject(**inventory: Any) -> Subject:
    whole = {
        "node": NODE,
        "ports": PORTS,
        "inventory": {**INVENTORY, **inventory},
        "plugin_data": PLUGIN_DATA,
    }
    return subject_of_case(deepcopy(whole))


def done(
    *actions: Mapping[str, Any],
    on: Subject | None = None,
    conditions: tuple[Mapping[str, Any], ...] = (),
    masks: str = "always",
    sensitive: bool = False,
) -> Tools:
    rule = Rule(
        uuid=UUID,
        description="tag it",
        priority=0,
        sensitive=sensitive,
        conditions=conditions,
        actions=actions,
    )
    tools = Tools(subject=on or subject(), allowance=Allowance(), calls=CallRules())
    carry_out([rule], tools, masks)
    return tools


def text(value: str, names: Mapping[str, Any], *, is_masked: bool = True) -> Any:
    return filled(value, Scope(names=names, is_masked=is_masked, allowance=Allowance()))


@pytest.mark.parametrize(
    "place",
    [
        *(
            "{node.__class__}",
            "{node.values}",
            "{inventory.__class__.__mro__}",
            "{node.name.upper}",
        ),
        *(
            "{inventory[__class__]}",
            "{item.__init__.__globals__}",
            "{node.save}",
            "{node[__dict__]}",
        ),
    ],
)
def test_nothing_of_python_can_be_reached(place: str) -> None:
    names = {"node": {"name": "n"}, "inventory": {"a": 1}, "item": {"b": 2}}
    assert text(place, names) == place


def test_what_a_machine_says_is_no_format_of_a_loop() -> None:
    """Ironic fills it a second time there, and a machine could read the BMC's password of its node."""
    args = {"path": "{item}", "value": "<{inventory[hostname]}>"}
    forged = subject(hostname="{node.driver_info[ipmi_address]} {{}")
    tools = done({"op": "set-attribute", "args": args, "loop": ["extra/h"]}, on=forged)
    extra = tools.subject.node.values["extra"]
    assert extra["h"] == "<{node.driver_info[ipmi_address]} {{}>"


@pytest.mark.parametrize(
    ("masks", "sensitive", "shown"),
    [
        ("always", True, "******"),
        ("sensitive", False, "******"),
        ("sensitive", True, "geheim"),
        ("never", False, "geheim"),
    ],
)
def test_secrets_are_read_as_the_setting_says(masks: str, sensitive: bool, shown: str) -> None:
    value = "{inventory[login][password]}{node.driver_info[ipmi_password]}"
    on = subject()
    on.node.values["driver_info"]["ipmi_password"] = ""
    action = {"op": "set-attribute", "args": {"path": "extra/seen", "value": value}}
    tools = done(action, on=on, masks=masks, sensitive=sensitive)
    assert tools.subject.node.values["extra"]["seen"] == shown


def test_a_secret_document_is_not_walked_into() -> None:
    names = {"inventory": {"credentials": {"user": "u", "word": "w"}}}
    assert text("{inventory[credentials]}", names) == "******"
    assert text("{inventory[credentials][word]}", names) == "{inventory[credentials][word]}"


def test_an_expression_that_takes_years_fails_the_inspection_in_seconds() -> None:
    condition = {"op": "matches", "args": {"value": "{inventory[hostname]}", "regex": "(a+)+"}}
    with pytest.raises(StepFailed, match=r"condition 1 \(matches\): matching regex takes longer"):
        done(TAG, on=subject(hostname="a" * 60 + "!"), conditions=(condition,))
    with Patterns(Allowance()) as patterns:
        assert patterns.found("b|c", "abc", is_whole=False)
        assert not patterns.found("b|c", "abc", is_whole=True)


def test_the_work_of_all_rules_is_bounded() -> None:
    names = {"inventory": {"a": "x" * 60_000}}
    scope = Scope(names=names, is_masked=False, allowance=Allowance(most_units=1_000_000))
    with pytest.raises(RuleFault, match="all the work that they may"):
        filled(["{inventory[a]}"] * 20, scope)
    action = {"op": "log", "args": {"msg": "{inventory[hostname]:>999999999}"}}
    with pytest.raises(StepFailed, match="more than 999 characters"):
        done(action)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (("set-attribute", {"path": "provision_state", "value": "active"}), "no attribute of that"),
        (("set-attribute", {"path": "name", "value": "a b"}), "name must have letters"),
        (("set-attribute", {"path": "properties", "value": "x"}), "properties must be an object"),
        (("set-attribute", {"path": "retired", "value": "maybe"}), "must be true or false"),
        (("set-attribute", {"path": "extra..x", "value": 1}), "names between its dots"),
        (("set-attribute", {"path": "owner", "value": "x" * 256}), "255 characters, not 256"),
        (("del-attribute", {"path": "driver"}), "driver cannot be empty"),
        (("add-trait", {"name": "red"}), "CUSTOM_"),
        (("set-capability", {"name": "a", "value": "b,boot_mode:bios"}), "without comma"),
        (("set-port-attribute", {"port_id": UUID, "path": "extra/a", "value": 1}), "no such port"),
        (
            ("set-port-attribute", {"port_id": PORT, "path": "address", "value": "x"}),
            "no attribute",
        ),
        (("log", {"msg": "x", "level": "loud"}), "level must be one of"),
    ],
)
def test_a_fault_names_rule_action_and_place(action: tuple[str, Any], words: str) -> None:
    op, args = action
    with pytest.raises(StepFailed, match=words) as failed:
        done(TAG, {"op": op, "args": args})
    assert f"inspection rule {UUID} (tag it), action 2 ({op}" in str(failed.value)
    assert args.get("path", args.get("name", "")) in str(failed.value)


def test_what_there_is_beside_ironics() -> None:
    tools = done(
        {
            "op": "set-port-attribute",
            "args": {"port_id": "52:54:00:00:00:01", "path": "name", "value": "p"},
        },
        {"op": "set-capability", "args": {"name": "boot_mode", "value": "bios"}},
        {"op": "unset-plugin-data", "args": {"path": "one.two.three"}},
        {"op": "unset-plugin-data", "args": {"path": "nope.x"}},
        {"op": "set-attribute", "args": {"path": "boot_interface", "value": "ipxe"}},
        {"op": "del-attribute", "args": {"path": "description"}},
        {"op": "log", "args": {"msg": "{node.name}\n is odd", "level": "warning"}},
    )
    values = tools.subject.node.values
    assert tools.subject.ports[0].values["name"] == "p"
    assert values["properties"]["capabilities"] == "boot_mode:bios,a:b"
    assert tools.subject.plugin_data["one"] == {}
    assert (values["boot_interface"], values["description"]) == ("ipxe", None)
    assert [(note.message, note.severity) for note in tools.notes] == [
        ("inspection rule: rack-1 is odd", "WARNING")
    ]


@pytest.mark.parametrize(
    "url",
    ["http://{inventory[bmc_address]}/", "{inventory[hostname]}", "http://a{node.name}@b/", 5],
)
def test_a_machine_never_says_whom_a_rule_calls(url: Any) -> None:
    scope = Scope(
        names=subject(hostname="http://evil/").names(), is_masked=True, allowance=Allowance()
    )
    with pytest.raises(RuleFault, match="url must"):
        CallRules().scope(scope, url)


def test_what_a_machine_says_is_encoded_in_an_address() -> None:
    names = subject(hostname="../@evil/?a=b").names()
    scope = Scope(names=names, is_masked=True, allowance=Allowance())
    url = "http://cmdb.example/{inventory[hostname]}?mac={inventory[interfaces][0][mac_address]}"
    assert filled(url, CallRules().scope(scope, url)) == (
        "http://cmdb.example/..%2F%40evil%2F%3Fa%3Db?mac=52:54:00:00:00:01"
    )


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        *(
            ("127.0.0.1", False),
            ("::1", False),
            ("169.254.169.254", False),
            ("fe80::1%eth0", False),
        ),
        *(("::ffff:127.0.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False)),
        *(("192.0.2.7", True), ("10.0.0.1", True), ("fd00::1", True)),
    ],
)
def test_rules_call_neither_this_machine_nor_its_link(address: str, is_allowed: bool) -> None:
    assert CallRules().may_connect(address) is is_allowed


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{}", "must have a list"),
        ("[1", "no JSON"),
        ('[{"actions": []}]', "at least one action"),
        ('[{"actions": [], "nope": 1}]', "rule 1 must be an object"),
        ('[{"priority": "x"}]', "priority must be a whole number"),
        ('[{"actions": [{"op": "nope", "args": {}}]}]', "there is no op nope"),
    ],
)
def test_a_wrong_file_of_rules_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "rules.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=complaint):
        built_in_rules(str(file))
    with pytest.raises(SettingsError, match="cannot be read"):
        built_in_rules(str(tmp_path / "none"))


def test_rules_of_the_file_may_come_last_and_first(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text('[{"priority": -5, "actions": [{"op": "fail", "args": {"msg": "no"}}]}]')
    (rule,) = built_in_rules(str(file))
    assert (rule.priority, rule.uuid) == (-5, "00000000-0000-0000-0000-000000000000")
    assert built_in_rules("") == ()


@pytest.mark.parametrize("name", ["timeout", "retries", "backoff_factor"])
def test_a_number_of_a_call_that_is_none_is_refused_before_anything_is_called(name: str) -> None:
    with pytest.raises(RuleFault, match=f"{name} must be a number"):
        call({"url": "http://192.0.2.1/", name: "nan"}, CallRules(), Allowance())
