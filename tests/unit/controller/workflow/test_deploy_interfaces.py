"""Deploy interfaces: their steps are Ironic's, and what the controller orders is what the agent takes."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidRequest
from agent.hardware.bootc import parse_order
from controller.errors import Invalid
from controller.hardware.steps import Kind, StepSpec, Where
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.interfaces.deploy import BOOTC, DIRECT, AgentDeploy
from controller.workflow.steps.planner import AGENT_IS_UP, Rules, plan_steps
from controller.workflow.steps.wishes import read_wishes
from tests.unit.controller.workflow.test_node_rules import node

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org"
GOOD = {"image_source": "oci://registry.example.org/os:12"}


def bootc_node(**info: Any) -> Node:
    return node(info)


def arguments(one: Node) -> dict[str, Any]:
    make = BOOTC.arguments["execute_bootc_install"]
    sent: dict[str, Any] = json.loads(json.dumps(dict(make(one, Settings()))))
    return sent


def agent_reads(one: Node, sent: dict[str, Any]) -> Any:
    info = json.loads(json.dumps(one.instance_info))
    return parse_order(sent["image_source"], info, sent["oci_pull_secret"], sent["configdrive"])


def test_the_steps_of_bootc_are_ironics() -> None:
    assert [(s.step, s.priority, s.where) for s in BOOTC.core_steps] == [
        ("deploy", 100, Where.CONTROLLER),
        ("execute_bootc_install", 80, Where.AGENT),
        ("set_boot_to_disk", 60, Where.CONTROLLER),
        ("tear_down_agent", 40, Where.CONTROLLER),
        ("boot_instance", 20, Where.CONTROLLER),
    ]


@pytest.mark.parametrize("interface", [DIRECT, BOOTC])
def test_every_interface_has_the_agents_steps_while_it_is_up_and_knows_what_to_tell_it(
    interface: AgentDeploy,
) -> None:
    of_agent = [step for step in interface.core_steps if step.where is Where.AGENT]
    assert {step.step for step in of_agent} == set(interface.arguments)
    assert all(step.priority in AGENT_IS_UP for step in of_agent)


def test_what_the_agent_offers_besides_is_not_planned_twice_when_it_is_asked_for() -> None:
    rules = Rules(core=BOOTC.core_steps)
    offers = [
        StepSpec(step=name, interface="deploy", kind=Kind.DEPLOY)
        for name in ("execute_bootc_install", "write_image")
    ]
    steps = [step.step for step in plan_steps(Kind.DEPLOY, offers, [], rules)]
    assert steps == [step.step for step in rules.core]
    wanted = {"step": "execute_bootc_install", "interface": "deploy", "priority": 50, "args": {}}
    again = plan_steps(Kind.DEPLOY, offers, read_wishes(Kind.DEPLOY, [wanted]), rules)
    assert sorted(step.step for step in again) == sorted(steps)


def test_the_order_has_all_of_ironics_arguments_and_the_login_as_ironic_packs_it() -> None:
    docker = base64.b64encode(b"tux:sesame").decode()
    for secret in ("tux:sesame", docker):
        one = bootc_node(**GOOD, image_pull_secret=secret, bootc_authorized_keys=KEY)
        one.config_drive = "H4sI"
        sent = arguments(one)
        assert sent == {
            "image_source": GOOD["image_source"],
            "configdrive": "H4sI",
            "oci_pull_secret": base64.b64encode(docker.encode()).decode(),
        }
        assert agent_reads(one, sent).login == ("tux", "sesame")
    assert arguments(bootc_node(**GOOD)) == {
        "image_source": GOOD["image_source"],
        "configdrive": None,
        "oci_pull_secret": None,
    }


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, "instance_info.image_source is missing"),
        ({"image_source": "http://web/os.qcow2"}, "instance_info.image_source: .* is no container"),
        (GOOD | {"image_pull_secret": "sesame"}, "instance_info.image_pull_secret: is neither"),
        (GOOD | {"bootc_authorized_keys": "sesame"}, "instance_info.bootc_authorized_keys: line 1"),
        (GOOD | {"bootc_tpm2_luks": "perhaps"}, "instance_info.bootc_tpm2_luks: .*neither true"),
        (GOOD | {"root_device": {"colour": "red"}}, "colour"),
    ],
)
def test_what_the_agent_would_refuse_is_refused_before_power_on(
    info: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        BOOTC.check(bootc_node(**info), Settings())
    assert "sesame" not in str(caught.value)


WORDS = st.sampled_from(["", "x", "True", "no", KEY, f"# {KEY}", "a:b", "oci://r/n", None, 1, True])
INFO = st.fixed_dictionaries(
    {
        "image_source": st.sampled_from(
            ["oci://r/n:1", "docker://r:5000/a/b", "oci://r", "http://r/n"]
        )
    },
    optional={
        "bootc_authorized_keys": WORDS,
        "bootc_tpm2_luks": WORDS,
        "image_pull_secret": WORDS,
    },
)


@given(INFO)
def test_what_the_controller_accepts_the_agent_accepts_and_the_other_way_round(
    info: dict[str, Any],
) -> None:
    one = bootc_node(**info)
    try:
        BOOTC.check(one, Settings())
    except Invalid:
        with pytest.raises((Invalid, InvalidRequest)):
            agent_reads(one, arguments(one))
    else:
        agent_reads(one, arguments(one))
