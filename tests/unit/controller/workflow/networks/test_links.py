from typing import Any

import pytest

from agent.protocol.lldp import as_raw
from controller.errors import Invalid
from controller.workflow.networks.links import contradictions, judge
from controller.workflow.networks.plan import Attachment, Moment, PortFacts

MAC, SWITCH = "52:54:00:00:00:01", "aa:bb:cc:dd:ee:01"


def facts(**link: str) -> PortFacts:
    return PortFacts(uuid="u1", address=MAC, boots=True, link=link)


def inspected(switch: str = SWITCH, port: str = "swp1") -> dict[str, Any]:
    tlvs = [(1, b"\x04" + bytes.fromhex(switch.replace(":", ""))), (2, b"\x05" + port.encode())]
    interfaces = [{"name": "eth0", "mac_address": MAC.upper()}]
    raw = {"eth0": as_raw([*tlvs, (3, b"\0\x78")])}
    return {"inventory": {"interfaces": interfaces}, "plugin_data": {"lldp_raw": raw}}


def attachment(network: str, port: str = "swp1") -> Attachment:
    return Attachment(uuid="u1", address=MAC, switch="a", port=port, network=network, wanted=None)


def test_what_lldp_does_not_contradict_is_no_contradiction() -> None:
    port = facts(switch_id=SWITCH, port_id="swp1")
    odd: tuple[Any, ...] = (None, {}, {"inventory": None}, {"inventory": {"interfaces": 5}})
    for found in (inspected(), inspected(port="SWP1"), *odd):
        assert contradictions([port], found) == {}
    assert contradictions([facts()], inspected()) == {}


def test_another_switch_and_another_port_are_told_in_one_sentence() -> None:
    port = facts(switch_id=SWITCH, port_id="swp1")
    (text,) = contradictions([port], inspected("aa:bb:cc:dd:ee:02", "swp\n2")).values()
    assert text == (
        f"port {MAC} is plugged in elsewhere than its local_link_connection says: switch_id is {SWITCH}, the switch says "
        "aa:bb:cc:dd:ee:02 and port_id is swp1, the switch says swp 2 (by LLDP, in the last inspection); look at the cable, or "
        "correct local_link_connection, and inspect the node again"
    )


def test_a_port_that_is_elsewhere_is_refused_unless_the_setting_or_the_moment_says_otherwise() -> (
    None
):
    found = {MAC: "it is elsewhere"}
    plan = (attachment("cleaning"),)
    with pytest.raises(Invalid, match="nothing was changed at switch a: it is elsewhere"):
        judge(plan, Moment.CLEANING, found, "refuse", {})
    assert judge(plan, Moment.CLEANING, {}, "refuse", {}).plan == plan
    assert judge(plan, Moment.CLEANING, found, "off", {}).warnings == ()
    for moment, setting in ((Moment.CLEANING, "warn"), (Moment.INSPECTION, "refuse")):
        judged = judge(plan, moment, found, setting, {})
        assert (judged.plan, judged.warnings) == (plan, ("it is elsewhere",))


def test_a_port_that_is_elsewhere_is_taken_out_only_where_it_was_put_in() -> None:
    found, plan = {MAC: "it is elsewhere"}, (attachment("idle"),)
    judged = judge(plan, Moment.IDLE, found, "refuse", {})
    assert judged.plan == ()
    assert "port swp1 of switch a" in judged.warnings[0]
    assert judge(plan, Moment.IDLE, found, "refuse", {"u1": ("a", "swp1")}).plan == plan
    assert judge(plan, Moment.IDLE, found, "refuse", {"u1": ("a", "swp2")}).plan == ()
