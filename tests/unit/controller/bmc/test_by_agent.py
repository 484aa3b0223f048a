"""What is known of the power of a machine that nothing can be asked about."""

from dataclasses import dataclass

import pytest

from controller.bmc.by_agent import Memories, PoweredByAgent
from controller.errors import BmcError, NobodySwitchesOff
from controller.hardware.bmc import PoweredNode, PowerState

ON, OFF = PowerState.ON, PowerState.OFF
S = 5.0


@dataclass
class Agent:
    is_there: bool = True
    obeys: bool = True
    orders: tuple[str, ...] = ()

    def answers(self, *, timeout_s: float) -> bool:
        return self.is_there

    def power_off(self, *, timeout_s: float) -> bool:
        self.orders += ("off",)
        return self.is_there and self.obeys

    def restart(self, *, timeout_s: float) -> bool:
        self.orders += ("restart",)
        return self.is_there and self.obeys


class Rig:
    """One machine over time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.woken = 0
        self.memories = Memories(lambda: self.now)

    def see(
        self, agent: Agent | None = None, stored: str | None = None, *, wakes: bool = False
    ) -> PoweredByAgent:
        node = PoweredNode(
            uuid="u", label="one", driver_info={}, macs=(), power_state=stored, agent=agent
        )
        return PoweredByAgent(node, self.memories, wake=self._wake if wakes else None)

    def _wake(self) -> None:
        self.woken += 1


@pytest.mark.parametrize(
    ("stored", "state"), [(None, OFF), ("power off", OFF), ("power on", ON), ("error", OFF)]
)
def test_without_an_agent_it_is_what_was_stored(stored: str | None, state: PowerState) -> None:
    assert Rig().see(stored=stored).power_state(timeout_s=S) is state


def test_a_machine_whose_agent_answers_is_on_whatever_was_asked() -> None:
    rig = Rig()
    seen = rig.see(Agent(), "power off")
    assert seen.power_state(timeout_s=S) is ON
    seen.power_off(timeout_s=S)
    assert seen.power_state(timeout_s=S) is ON


def test_an_agent_that_falls_silent_has_gone_down_after_a_while() -> None:
    rig, agent = Rig(), Agent()
    seen = rig.see(agent, "power on")
    assert seen.power_state(timeout_s=S) is ON
    agent.is_there = False
    states = []
    for _ in range(5):
        states.append(seen.power_state(timeout_s=S))
        rig.now += 5
    assert states == [ON, ON, ON, OFF, OFF]


def test_a_short_silence_is_forgotten() -> None:
    rig, agent = Rig(), Agent(is_there=False)
    seen = rig.see(agent, "power on")
    seen.power_state(timeout_s=S)
    rig.now += 14
    agent.is_there = True
    seen.power_state(timeout_s=S)
    agent.is_there = False
    assert seen.power_state(timeout_s=S) is ON
    rig.now += 14
    assert seen.power_state(timeout_s=S) is ON


def test_what_is_switched_on_after_the_silence_is_on_though_the_old_agent_is_gone() -> None:
    rig, agent = Rig(), Agent(is_there=False)
    seen = rig.see(agent, "power on")
    seen.power_state(timeout_s=S)
    rig.now += 20
    assert seen.power_state(timeout_s=S) is OFF
    rig.see(agent, "power off").power_on(timeout_s=S)
    assert rig.see(agent, "power off").power_state(timeout_s=S) is ON


def test_an_order_counts_until_it_is_stored() -> None:
    rig = Rig()
    rig.see(stored="power off").power_on(timeout_s=S)
    assert rig.see(stored="power off").power_state(timeout_s=S) is ON
    rig.see(stored="power on").count_as_off()
    assert rig.see(stored="power on").power_state(timeout_s=S) is OFF
    rig.now += 181
    assert rig.see(stored="power on").power_state(timeout_s=S) is ON


def test_a_persons_word_counts_for_a_while_whatever_answers_there() -> None:
    rig, other = Rig(), Agent(obeys=False)
    seen = rig.see(other, "power on")
    seen.count_as_off()
    assert rig.see(other, "power on").power_state(timeout_s=S) is OFF
    rig.now += 179
    assert rig.see(other, "power on").power_state(timeout_s=S) is OFF
    rig.now += 2
    assert rig.see(other, "power on").power_state(timeout_s=S) is ON


@pytest.mark.parametrize("wakes", [False, True])
def test_what_is_asked_after_a_persons_word_ends_it(wakes: bool) -> None:
    rig, agent = Rig(), Agent()
    seen = rig.see(agent, "power off", wakes=wakes)
    seen.count_as_off()
    seen.power_on(timeout_s=S)
    assert seen.power_state(timeout_s=S) is ON
    seen.count_as_off()
    seen.power_off(timeout_s=S)
    assert seen.power_state(timeout_s=S) is ON, "the agent was told, and still answers"


def test_history_says_who_was_asked() -> None:
    rig = Rig()
    alone = rig.see()
    alone.count_as_off()
    assert "asked of a person: see that the machine is off" in alone.asked(OFF)
    assert "asked of a person: switch the machine on" in alone.asked(ON)
    with_agent = rig.see(Agent())
    with_agent.power_off(timeout_s=S)
    assert "the agent was told" in with_agent.asked(OFF)
    silent = rig.see(Agent(is_there=False))
    silent.power_off(timeout_s=S)
    assert "its agent is silent" in silent.asked(OFF)


@pytest.mark.parametrize("agent", [None, Agent(obeys=False)])
def test_what_nobody_can_switch_off_stays_on(agent: Agent | None) -> None:
    rig = Rig()
    with pytest.raises(NobodySwitchesOff, match="do it by hand, then set maintenance"):
        rig.see(agent, "power on").power_off(timeout_s=S)
    assert rig.see(agent, "power on").power_state(timeout_s=S) is ON


def test_an_agent_on_its_way_down_may_refuse_the_second_order() -> None:
    rig, agent = Rig(), Agent()
    seen = rig.see(agent, "power on")
    seen.power_off(timeout_s=S)
    agent.obeys = False
    seen.power_off(timeout_s=S)
    rig.now += 181
    with pytest.raises(NobodySwitchesOff):
        seen.power_off(timeout_s=S)


def test_a_soft_end_and_a_restart_need_the_agent() -> None:
    rig, agent = Rig(), Agent()
    rig.see(agent).soft_power_off(timeout_s=S)
    rig.see(agent).reset(timeout_s=S)
    assert agent.orders == ("off", "restart")
    for seen in (rig.see(), rig.see(Agent(obeys=False))):
        with pytest.raises(NobodySwitchesOff, match="no agent runs there"):
            seen.soft_power_off(timeout_s=S)
        with pytest.raises(BmcError, match="do it on the machine"):
            seen.reset(timeout_s=S)


def test_a_machine_that_was_woken_is_woken_again_for_a_while_and_not_once_it_shall_be_off() -> None:
    rig = Rig()
    rig.see(wakes=True).power_on(timeout_s=S)
    assert rig.woken == 1
    rig.see(stored="power on", wakes=True).power_state(timeout_s=S)
    assert rig.woken == 2
    rig.see(wakes=True).count_as_off()
    rig.see(wakes=True).power_state(timeout_s=S)
    assert rig.woken == 2
    rig.see(wakes=True).power_on(timeout_s=S)
    rig.now += 181
    rig.see(stored="power on", wakes=True).power_state(timeout_s=S)
    assert rig.woken == 3
