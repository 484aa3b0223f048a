"""Power of machines that nothing can be asked about: the agent switches them off, a person (or a magic packet) on.

The power interface ``agent`` of Ironic's ``manual-management``. What is known of the power:

- what a person has said to be off a moment ago is off, whatever answers where the agent was;
- while the agent of the last start takes connections, the machine is on;
- an agent that was there and is silent for ``_SILENCE_S`` has gone down with the machine, unless it was switched on since;
- else it is what was last asked: of a person, in the node's history.

No agent, no power-off: nothing is claimed that nobody has done. That a machine counts as off all the same is for the workflow to say.

What was asked stays in memory for ``_ORDER_COUNTS_S``; by then the workflow has stored it with the node.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controller.errors import BmcError, NobodySwitchesOff
from controller.hardware.bmc import PoweredNode, PowerState
from controller.hardware.interface import Facts

_SILENCE_S = 15.0
"""A Linux ramdisk needs less from closing its port to switching off."""
_ORDER_COUNTS_S = 180.0
_MOST_NODES = 50_000
_ASKED_ON = (
    "asked of a person: switch the machine on, or start it over if it is on; it is waited for"
)
_COUNTED_OFF = "asked of a person: see that the machine is off, for no agent runs there that could switch it off; it counts as off"
_ANSWER_S = 3.0


@dataclass(slots=True)
class _Memory:
    """What this controller has seen and done of late with one node."""

    wanted: PowerState | None = None
    ordered_at: float = 0.0
    is_counted: bool = False
    """It was not told to anybody: it counts as done."""
    silent_since: float | None = None


class Memories:
    """What is remembered of nodes, of the last ``_MOST_NODES`` at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember nothing; ``clock`` gives seconds."""
        self.clock = clock
        self._of: OrderedDict[str, _Memory] = OrderedDict()
        self._lock = threading.Lock()

    def order(self, uuid: str, wanted: PowerState, *, is_counted: bool = False) -> None:
        """Note what is asked now, or counts as done."""
        with self._lock:
            memory = self._get(uuid)
            memory.wanted, memory.ordered_at = wanted, self.clock()
            memory.is_counted = is_counted

    def counts_as_off(self, uuid: str) -> bool:
        """Say whether the machine was counted as off a moment ago, and nothing was asked since."""
        with self._lock:
            is_counted = self._get(uuid).is_counted
        return is_counted and self.ordered_s_ago(uuid, PowerState.OFF) is not None

    def ordered_s_ago(self, uuid: str, wanted: PowerState) -> float | None:
        """Return for how long this has been the last that was asked; ``None`` = it is not, or long ago."""
        with self._lock:
            memory = self._get(uuid)
            age_s = self.clock() - memory.ordered_at
        return age_s if memory.wanted is wanted and age_s < _ORDER_COUNTS_S else None

    def heard(self, uuid: str) -> None:
        """Note that the agent takes connections."""
        with self._lock:
            self._get(uuid).silent_since = None

    def silent_s(self, uuid: str) -> float:
        """Return for how long the agent has been silent; the first time is 0."""
        with self._lock:
            memory = self._get(uuid)
            memory.silent_since = memory.silent_since or self.clock()
            return self.clock() - memory.silent_since

    def _get(self, uuid: str) -> _Memory:
        memory = self._of.setdefault(uuid, _Memory())
        self._of.move_to_end(uuid)
        if len(self._of) > _MOST_NODES:
            self._of.popitem(last=False)
        return memory


class AgentPowerDriver:
    """Makes connections of machines that a person switches on."""

    boot_advice = "switch the machine on by hand, or start it over if it is on"

    def __init__(self) -> None:
        """Need nothing of ``driver_info``."""
        self.properties: dict[str, str] = {}
        self.memories = Memories()

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong: nothing is needed."""

    def connect(self, driver_info: dict[str, Any]) -> "PoweredByAgent":  # noqa: ARG002  # as all
        """Refuse: what a person switches is not in ``driver_info``."""
        raise BmcError("power_interface agent works with a node, not with driver_info alone")

    def connect_node(self, node: PoweredNode) -> "PoweredByAgent":
        """Return the connection; see :class:`controller.hardware.interface.ConnectsNodes`."""
        return PoweredByAgent(node, self.memories)


class PoweredByAgent:
    """One machine; see ``PowerControl`` for what the methods promise."""

    def __init__(
        self,
        node: PoweredNode,
        memories: Memories,
        *,
        wake: Callable[[], None] | None = None,
        said: str = _ASKED_ON,
    ) -> None:
        """Ask nobody yet.

        Args:
            node: The machine's.
            memories: Of all nodes of one driver.
            wake: What switches the machine on, as far as anything can; may be done any number of times.
            said: For the node's history when it is to be switched on.
        """
        self._node = node
        self._memories = memories
        self._wake = wake
        self._said = said
        self._off_by = "its agent is silent, and may have gone down with the machine"

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Say what the agent's presence tells, or what was last asked; a machine that was woken a moment ago is woken again."""
        if self._wake and self._memories.ordered_s_ago(self._node.uuid, PowerState.ON) is not None:
            self._wake()
        return self._known_state(timeout_s)

    def _known_state(self, timeout_s: float) -> PowerState:
        node, memories = self._node, self._memories
        if memories.counts_as_off(node.uuid):
            return PowerState.OFF
        on_s = memories.ordered_s_ago(node.uuid, PowerState.ON)
        if node.agent is not None:
            if node.agent.answers(timeout_s=min(timeout_s, _ANSWER_S)):
                memories.heard(node.uuid)
                return PowerState.ON
            silent_s = memories.silent_s(node.uuid)
            is_on = silent_s < _SILENCE_S or (on_s is not None and on_s <= silent_s)
            return PowerState.ON if is_on else PowerState.OFF
        if on_s is not None:
            return PowerState.ON
        if memories.ordered_s_ago(node.uuid, PowerState.OFF) is not None:
            return PowerState.OFF
        return PowerState.ON if node.power_state == PowerState.ON else PowerState.OFF

    def power_on(self, *, timeout_s: float) -> None:  # noqa: ARG002  # as all connections
        """Wake the machine, or count it as on from now: a person has been asked."""
        if self._wake:
            self._wake()
        self._memories.order(self._node.uuid, PowerState.ON)

    def power_off(self, *, timeout_s: float) -> None:
        """Have the agent do it; of one that is silent :meth:`power_state` soon tells whether it has gone down with the machine.

        Raises:
            NobodySwitchesOff: There is none, or it refuses.
        """
        ends_at = time.monotonic() + timeout_s
        if self._agent_switches_off(timeout_s):
            return
        agent = self._node.agent
        was_told = self._memories.ordered_s_ago(self._node.uuid, PowerState.OFF) is not None
        left_s = max(min(ends_at - time.monotonic(), _ANSWER_S), 0.01)
        if agent is not None and (was_told or not agent.answers(timeout_s=left_s)):
            return
        raise NobodySwitchesOff(
            f"{self._node.label}: no agent runs there that could switch the machine off; do it by hand, then set maintenance and ask for"
            " power off, which counts as your word for it, end the maintenance, and try again"
        )

    def _agent_switches_off(self, timeout_s: float) -> bool:
        agent = self._node.agent
        if agent is None or not agent.power_off(timeout_s=timeout_s):
            return False
        self._off_by = "the agent was told to switch the machine off"
        self._memories.order(self._node.uuid, PowerState.OFF)
        return True

    def count_as_off(self) -> None:
        """See ``CountsAsOff``."""
        self._off_by = _COUNTED_OFF
        self._memories.order(self._node.uuid, PowerState.OFF, is_counted=True)

    def soft_power_off(self, *, timeout_s: float) -> None:
        """As :meth:`power_off`, which lets the system end in order anyway.

        Raises:
            BmcError: No agent does it.
        """
        if not self._agent_switches_off(timeout_s):
            raise NobodySwitchesOff(
                f"{self._node.label}: no agent runs there that could end the system; shut it down on the machine, then set maintenance and"
                " ask for power off, which counts as your word for it"
            )

    def reset(self, *, timeout_s: float) -> None:
        """Have the agent start the machine over.

        Raises:
            BmcError: No agent does it.
        """
        agent = self._node.agent
        if agent is None or not agent.restart(timeout_s=timeout_s):
            raise BmcError(
                f"{self._node.label}: no agent runs there that could start the machine over; do it on the machine"
            )
        self._memories.order(self._node.uuid, PowerState.ON)

    def asked(self, wanted: PowerState) -> str:
        """See ``TellsWhatIsAsked``."""
        return self._said if wanted is PowerState.ON else self._off_by
