"""The planner: what runs, in which order, for every kind of workflow and whoever offers a step."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.steps import RESERVED_NAMES
from controller.errors import Invalid
from controller.hardware.steps import Argument, Kind, PlannedStep, StepSpec, Where, planned
from controller.workflow.steps.core_steps import DIRECT_DEPLOY_STEPS
from controller.workflow.steps.planner import (
    AGENT_IS_UP,
    Rules,
    merged,
    needs_ramdisk,
    plan_steps,
    same_so_far,
)
from controller.workflow.steps.wishes import INTERFACES, Wish

RULES = Rules(longest_wait_s=60.0, disallowed_by="disallow_clean_steps", core=DIRECT_DEPLOY_STEPS)


def step(name: str, priority: int = 0, interface: str = "deploy", **changes: Any) -> StepSpec:
    return StepSpec(step=name, interface=interface, priority=priority, **changes)


def bmc(name: str, priority: int = 0, interface: str = "bios", **changes: Any) -> StepSpec:
    own: dict[str, Any] = {"where": Where.BMC, "runs_as": "bmc", "requires_ramdisk": False}
    return step(name, priority, interface, **{**own, **changes})


def wish(name: str, interface: str = "deploy", **changes: Any) -> Wish:
    return Wish(interface=interface, step=name, **changes)


def names(plan: tuple[PlannedStep, ...]) -> list[str]:
    return [step.step for step in plan]


def test_a_plain_deployment_takes_the_core_steps_in_ironics_order() -> None:
    assert [(s.step, s.priority) for s in plan_steps(Kind.DEPLOY, [], [], RULES)] == [
        ("deploy", 100),
        ("write_image", 80),
        ("prepare_instance_boot", 60),
        ("tear_down_agent", 40),
        ("boot_instance", 20),
    ]


def test_the_agents_deploy_steps_run_while_it_is_up_and_a_bmcs_at_every_priority() -> None:
    offers = [step("inject_files", 70), step("too_late", 30), step("too_early", 110)]
    offers += [bmc("before", 150), bmc("between", 70, "vendor"), bmc("after", 30), bmc("off")]
    assert names(plan_steps(Kind.DEPLOY, offers, [], RULES)) == [
        "before",
        "deploy",
        "write_image",
        "between",
        "inject_files",
        "prepare_instance_boot",
        "tear_down_agent",
        "after",
        "boot_instance",
    ]


def test_a_wish_for_a_deploy_step_has_its_own_priority_and_arguments() -> None:
    offer = step("apply", 45, "raid", argsinfo={"x": Argument()})
    wanted = wish("apply", "raid", priority="90", args={"x": 1})
    plan = plan_steps(Kind.DEPLOY, [offer], [wanted], RULES)
    assert (names(plan)[1], plan[1].priority, plan[1].args) == ("apply", 90, {"x": 1})
    off = plan_steps(Kind.DEPLOY, [offer], [wish("apply", "raid", priority=0, args={})], RULES)
    assert "apply" not in names(off)


def test_the_agents_own_write_image_does_not_replace_the_core_step() -> None:
    plan = plan_steps(Kind.DEPLOY, [step("write_image", 50)], [], RULES)
    assert [(s.priority, s.where) for s in plan if s.step == "write_image"] == [(80, Where.AGENT)]


@pytest.mark.parametrize(
    ("kind", "wanted", "words"),
    [
        (
            Kind.CLEAN,
            wish("none"),
            r"clean step deploy\.none is offered by nobody; offered are: de",
        ),
        (Kind.CLEAN, wish("send_raw", "vendor"), "stands in the setting disallow_clean_steps"),
        (
            Kind.CLEAN,
            wish("burn", args={}),
            r"lacks the argument hours; it takes: hours \(required",
        ),
        (
            Kind.CLEAN,
            wish("burn", args={"hours": 1, "day": 2}),
            r"has no argument day; it takes: hours \(required; How long\.\)",
        ),
        (Kind.CLEAN, wish("erase", args={"x": 1}), "has no argument x; it takes none"),
        (Kind.CLEAN, wish("wait", args={"seconds": "5"}), "needs a number as seconds, not '5'"),
        (Kind.CLEAN, wish("wait", args={"seconds": True}), "needs a number as seconds"),
        (Kind.CLEAN, wish("wait", args={"seconds": 61}), r"0 to 60 are possible \(setting longest"),
        (
            Kind.CLEAN,
            wish("wait", args={"minutes": 1}),
            "has no argument minutes; it takes: second",
        ),
        (Kind.CLEAN, wish("erase", execute_on_child_nodes=True), "cannot be executed on child"),
        (Kind.CLEAN, wish("hold", execute_on_child_nodes=True), "cannot be executed on child"),
        (Kind.DEPLOY, wish("deploy", priority=90, args={}), "0 switches it off"),
        (Kind.DEPLOY, wish("write_image", priority=30, args={}), "the agent runs from 99 to 41"),
        (
            Kind.DEPLOY,
            wish("prepare_instance_boot", priority=110, args={}),
            "the agent runs from 99 to 41 only",
        ),
        (
            Kind.DEPLOY,
            wish("tear_down_agent", priority=30, args={"x": 1}),
            "has no argument x; it takes none",
        ),
        (Kind.DEPLOY, wish("erase", priority=20, args={}), "the agent runs from 99 to 41 only"),
    ],
)
def test_impossible_wishes_are_refused_with_what_is_possible(
    kind: Kind, wanted: Wish, words: str
) -> None:
    hours = {"hours": Argument(description="How long.", required=True)}
    offers = [step("erase"), step("burn", argsinfo=hours), bmc("send_raw", interface="vendor")]
    rules = Rules(
        disallowed=frozenset({"vendor.send_raw"}),
        disallowed_by="disallow_clean_steps",
        longest_wait_s=60.0,
        core=DIRECT_DEPLOY_STEPS,
    )
    with pytest.raises(Invalid, match=words):
        plan_steps(kind, offers, [wanted], rules)


def test_steps_of_the_deploy_interface_move_and_are_switched_off_as_in_ironic() -> None:
    wanted = [
        wish("write_image", priority=90, args={}),
        wish("tear_down_agent", priority="0", args={}),
        wish("boot_instance", priority=5, args={}),
    ]
    plan = plan_steps(Kind.DEPLOY, [], wanted, RULES)
    assert [(s.step, s.priority, s.where, s.runs_as) for s in plan] == [
        ("deploy", 100, Where.CONTROLLER, "deploy"),
        ("write_image", 90, Where.AGENT, "agent"),
        ("prepare_instance_boot", 60, Where.CONTROLLER, "prepare_instance_boot"),
        ("boot_instance", 5, Where.CONTROLLER, "boot_instance"),
    ]


def test_without_the_core_step_only_steps_of_the_agent_are_refused() -> None:
    off = wish("deploy", priority=0, args={})
    offers = [step("erase"), bmc("reset_bios")]
    plan = plan_steps(Kind.DEPLOY, offers, [off, wish("reset_bios", "bios", priority=30)], RULES)
    assert names(plan)[0] == "write_image"
    assert "reset_bios" in names(plan)
    for name in ("erase", "unknown"):
        wanted = [off, wish(name, priority=50, args={})]
        with pytest.raises(Invalid, match=rf"{name} needs the agent, which deploy\.deploy brings"):
            plan_steps(Kind.DEPLOY, offers, wanted, RULES, agent_is_known=False)
    without = [off, wish("erase", priority=0, args={})]
    assert "erase" not in names(plan_steps(Kind.DEPLOY, offers, without, RULES))


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(
        Invalid, match=r"deploy\.a is offered by nobody.*deploy\.b is offered by no"
    ):
        plan_steps(Kind.CLEAN, [], [wish("a"), wish("b")], RULES)


def test_a_deploy_step_that_is_asked_for_twice_is_refused_but_a_reserved_one_is_not() -> None:
    twice = [wish("a", priority=50, args={})] * 2
    with pytest.raises(Invalid, match=r"deploy step deploy\.a is there twice"):
        plan_steps(Kind.DEPLOY, [step("a")], twice, RULES)
    waits = [wish("wait", priority=50, args={"seconds": 1})] * 2
    assert names(plan_steps(Kind.DEPLOY, [], waits, RULES)).count("wait") == 2


@pytest.mark.parametrize("name", RESERVED_NAMES)
@pytest.mark.parametrize("kind", list(Kind))
def test_a_reserved_name_means_the_controllers_step_whoever_offers_it(
    kind: Kind, name: str
) -> None:
    offers = [step(name, 50, kind=kind), bmc(name, kind=kind), step("a", 50, kind=kind)]
    wanted = wish(name, priority=60, args={}) if kind is Kind.DEPLOY else wish(name)
    (found,) = [one for one in plan_steps(kind, offers, [wanted], RULES) if one.step == name]
    assert (found.where, found.runs_as) == (Where.CONTROLLER, name)
    by_itself = plan_steps(kind, offers, [] if kind is Kind.DEPLOY else None, RULES)
    assert name not in names(by_itself)
    assert "a" in names(by_itself)


def test_without_the_agents_steps_unknown_wishes_are_left_to_the_next_plan() -> None:
    wishes = [wish("reset", "bios"), wish("erase"), wish("reboot", "power")]
    plan = plan_steps(Kind.CLEAN, [bmc("reset")], wishes, RULES, agent_is_known=False)
    assert names(plan) == ["reset", "reboot"]


def test_a_step_that_several_offer_is_the_bmcs_and_then_that_of_higher_priority() -> None:
    offers = [step("a", 9, "bios"), bmc("a", 5), step("b", 1), step("b", 7)]
    found = merged(offers)
    assert (found["bios.a"].where, found["deploy.b"].priority) == (Where.BMC, 7)


@pytest.mark.parametrize(
    ("wishes", "is_needed"),
    [
        ([wish("reset", "bios")], False),
        ([wish("reset", "bios"), wish("wait", args={"seconds": 1})], False),
        ([wish("reset", "bios"), wish("erase")], True),
        ([wish("unknown")], True),
        ([wish("hold")], True),
        ([wish("power_on", "power"), wish("power_off", "power")], False),
        ([wish("power_on", "power", execute_on_child_nodes=True)], False),
    ],
)
def test_the_ramdisk_is_booted_for_steps_that_need_it(wishes: list[Wish], is_needed: bool) -> None:
    assert needs_ramdisk(Kind.CLEAN, [bmc("reset"), step("erase")], wishes) is is_needed


def test_what_is_done_is_the_begin_that_two_plans_have_in_common() -> None:
    a, b, c = planned(step("a")), planned(step("b")), planned(step("c"))
    assert same_so_far([a, b], [a, b, c]) == 2
    assert same_so_far([a, b], [a, c, b]) == 1
    assert same_so_far([a], [planned(step("a"), args={"x": 1})]) == 0


_STEPS = st.builds(
    StepSpec,
    step=st.sampled_from(["a", "b", "c", "deploy", "write_image"]),
    interface=st.sampled_from(sorted(INTERFACES)),
    priority=st.integers(0, 200),
    where=st.sampled_from([Where.AGENT, Where.BMC]),
)
_IDS = st.frozensets(st.sampled_from(["deploy.a", "bios.b", "raid.c"]))
_PRIORITIES = st.dictionaries(st.sampled_from(["deploy.a", "bios.b"]), st.integers(0, 200))
_RULES = st.builds(
    Rules, priorities=_PRIORITIES, disallowed=_IDS, core=st.just(DIRECT_DEPLOY_STEPS)
)


@given(st.lists(_STEPS), _RULES)
def test_automated_cleaning_takes_every_allowed_step_with_a_priority_once_in_order(
    offers: list[StepSpec], rules: Rules
) -> None:
    plan = plan_steps(Kind.CLEAN, offers, None, rules)
    keys = [(-s.priority, -INTERFACES[s.interface]) for s in plan]
    assert keys == sorted(keys)
    wanted = {
        one.id
        for one in merged(offers).values()
        if rules.priorities.get(one.id, one.priority) > 0 and one.id not in rules.disallowed
    }
    assert {s.id for s in plan} == wanted
    assert len(plan) == len(wanted)


@given(st.lists(_STEPS), st.data())
def test_a_manual_cleaning_is_exactly_what_was_asked_for_in_that_order(
    offers: list[StepSpec], data: st.DataObject
) -> None:
    possible = [*sorted(merged(offers)), "deploy.hold", "power.reboot"]
    ids = data.draw(st.lists(st.sampled_from(possible)))
    wishes = [wish(one.partition(".")[2], one.partition(".")[0]) for one in ids]
    for kind in (Kind.CLEAN, Kind.SERVICE):
        assert [s.id for s in plan_steps(kind, offers, wishes, RULES)] == ids


def test_a_priority_of_the_operator_at_which_no_agent_runs_leaves_the_step_out() -> None:
    offers = [StepSpec(step="a", interface="deploy", priority=41, where=Where.AGENT)]
    for priority, is_taken in ((1, False), (100, False), (42, True)):
        rules = Rules(priorities={"deploy.a": priority}, disallowed=frozenset())
        plan = plan_steps(Kind.DEPLOY, offers, [], rules)
        assert ("deploy.a" in {one.id for one in plan}) is is_taken


@given(st.lists(_STEPS), _RULES)
def test_a_deployment_has_all_core_steps_and_the_agents_only_while_it_is_up(
    offers: list[StepSpec], rules: Rules
) -> None:
    plan = plan_steps(Kind.DEPLOY, offers, [], rules)
    core = [s.id for s in DIRECT_DEPLOY_STEPS]
    assert [s.id for s in plan if s.id in core] == core
    assert len({s.id for s in plan}) == len(plan)
    assert not {s.id for s in plan if s.id not in core} & rules.disallowed
    for one in plan:
        if one.where is Where.AGENT:
            assert one.priority in AGENT_IS_UP


def test_a_bmcs_firmware_step_leaves_the_agents_other_name_for_its_own() -> None:
    """As Ironic, which asks the ramdisk for no steps of the interface ``firmware``: drives and cards are ``deploy.update_firmware``'s."""
    offers = [
        bmc("update", interface="firmware"),
        step("update", interface="firmware"),
        step("update_firmware", interface="deploy"),
    ]
    found = merged(offers)
    assert found["firmware.update"].where is Where.BMC
    assert found["deploy.update_firmware"].where is Where.AGENT
