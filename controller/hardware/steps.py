"""What a step is, and what a planned one is; the same for the agent's, a BMC's and the controller's own.

They travel in ``Work.data``, so they are plain values; who carries a step out is found by ``runs_as``
(``stages/step_runners.py``).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from agent.protocol.masking import masked


class Kind(StrEnum):
    """In which workflow a step runs; the values are the first words of Ironic's names."""

    CLEAN = "clean"
    DEPLOY = "deploy"
    SERVICE = "service"


class Where(StrEnum):
    """Who offers a step."""

    AGENT = "agent"
    BMC = "bmc"
    CONTROLLER = "controller"


_ASK_AGENT = frozenset({"prepare_instance_boot", "write_image_over_iscsi"})


class Argument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One argument of a step, as the agent describes it (``argsinfo``); ``type`` is the controller's own."""

    description: str = ""
    required: bool = False
    type: str | None = None
    """Name of a JSON type (``number``); ``None`` = not known, anything is taken."""


class StepSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step that somebody offers."""

    step: str
    interface: str
    kind: Kind = Kind.CLEAN
    priority: int = 0
    """Higher runs first; 0 = only on request."""
    argsinfo: dict[str, Argument] | None = None
    reboot_requested: bool = False
    abortable: bool = False
    stoppable: bool = False
    """Whoever carries it out can end it in the middle."""
    requires_ramdisk: bool = True
    where: Where = Where.AGENT
    runs_as: str = "agent"
    """Name of its runner, or of the way by which ``<kind>.next`` leaves for it."""

    @property
    def id(self) -> str:
        """What makes two steps the same: ``<interface>.<step>``."""
        return f"{self.interface}.{self.step}"

    @property
    def asks_agent(self) -> bool:
        """Whether it cannot be carried out without an agent that runs: the agent's own, and a core step that asks it."""
        return self.where is Where.AGENT or self.runs_as in _ASK_AGENT

    @property
    def title(self) -> str:
        """For messages: ``clean step erase_devices``."""
        return f"{self.kind} step {self.step}"


class PlannedStep(StepSpec, frozen=True, kw_only=True, omit_defaults=True):
    """A step in its place in a plan."""

    args: dict[str, Any] | None = None
    execute_on_child_nodes: bool = False
    limit_child_node_execution: tuple[str, ...] = ()
    """UUIDs; empty = all children."""

    def shown(self) -> dict[str, Any]:
        """Return the step as the node's ``clean_step`` (``deploy_step``, ``service_step``) shows it; without secrets."""
        view: dict[str, Any] = {
            "step": self.step,
            "interface": self.interface,
            "priority": self.priority,
            "reboot_requested": self.reboot_requested,
            "abortable": self.abortable,
        }
        if self.args:
            view["args"] = masked(self.args)
        if self.execute_on_child_nodes:
            view["execute_on_child_nodes"] = True
        if self.limit_child_node_execution:
            view["limit_child_node_execution"] = list(self.limit_child_node_execution)
        return view

    def ordered(self, args: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the step as the agent is ordered to carry it out."""
        order: dict[str, Any] = {
            "step": self.step,
            "interface": self.interface,
            "priority": self.priority,
            "reboot_requested": self.reboot_requested,
            "abortable": self.abortable,
        }
        if args:
            order["args"] = dict(args)
        return order


def planned(spec: StepSpec, **changes: Any) -> PlannedStep:
    """Return the step in a plan, with what is different about it there."""
    values = {name: getattr(spec, name) for name in StepSpec.__struct_fields__}
    return PlannedStep(**{**values, **changes})
