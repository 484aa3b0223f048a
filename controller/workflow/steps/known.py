"""Which steps a node is known to have: what its agent offered last, and what its BMC's driver offers. Pure.

The agent's are kept in ``driver_internal_info`` under Ironic's names (``agent_cached_clean_steps``), by interface. They
are believed as long as the node boots the ramdisk that they came from.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from agent.protocol.foreign_text import clean_line, clean_text
from agent.protocol.steps import RESERVED_NAMES
from controller.errors import Invalid, StepFailed
from controller.hardware.bmc import BmcStep
from controller.hardware.steps import Argument, Kind, StepSpec, Where
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.agent_view import iso_time
from controller.workflow.machine import interfaces_of
from controller.workflow.services import Services
from controller.workflow.steps.planner import Rules

_RAMDISK = "agent_cached_steps_ramdisk"
"""Key of ``driver_internal_info``: the ramdisk that offered the steps."""
_MOST_STEPS, _MOST_ARGUMENTS = 500, 100
_LONGEST_NAME = 255
"""Of a step and of its interface; the node's row keeps the offer, and the work of a workflow all that are planned."""


def read_offer(result: Any, kind: Kind) -> tuple[StepSpec, ...]:
    """Read the result of ``get_<kind>_steps``.

    Raises:
        StepFailed: The answer has another shape, or is longer than that of any hardware manager.
    """
    by_manager: Any = result.get(f"{kind}_steps") if isinstance(result, Mapping) else None
    try:
        offered = [step for steps in dict(by_manager).values() for step in steps]
        _require_few(len(offered), _MOST_STEPS, "steps")
        return tuple(_bounded(_spec(step, kind)) for step in offered)
    except (TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise StepFailed(
            f"the agent's list of {kind} steps cannot be read: {clean_line(error)}"
        ) from error


def _bounded(spec: StepSpec) -> StepSpec:
    """Return a step whose arguments are described briefly.

    Raises:
        ValueError: A name is longer than any, or it has more arguments than any.
    """
    arguments = spec.argsinfo or {}
    _require_few(len(arguments), _MOST_ARGUMENTS, "arguments of a step")
    longest = max(len(name) for name in (spec.step, spec.interface, *arguments))
    _require_few(longest, _LONGEST_NAME, "characters in a name")
    told = {
        name: msgspec.structs.replace(one, description=clean_text(one.description))
        for name, one in arguments.items()
    }
    return msgspec.structs.replace(spec, argsinfo=told or spec.argsinfo)


def _require_few(count: int, most: int, what: str) -> None:
    if count > most:
        raise ValueError(f"it has {count} {what}; at most {most} are taken")


def remember_offer(
    node: Node, settings: Settings, kind: Kind, offer: Iterable[StepSpec], now: float
) -> dict[str, Any]:
    """Return the changes of ``driver_internal_info`` that keep what the agent offered."""
    by_interface: dict[str, list[dict[str, Any]]] = {}
    for step in offer:
        shown = msgspec.to_builtins(step)
        kept = {key: value for key, value in shown.items() if key not in {"kind", "where"}}
        by_interface.setdefault(step.interface, []).append(kept)
    return {
        f"agent_cached_{kind}_steps": by_interface,
        f"agent_cached_{kind}_steps_refreshed": iso_time(now),
        _RAMDISK: _ramdisk(node, settings),
    }


def remembered_offer(node: Node, settings: Settings, kind: Kind) -> tuple[StepSpec, ...]:
    """Return what the agent of the node's ramdisk offered last; nothing if that was another ramdisk."""
    info = node.driver_internal_info
    if info.get(_RAMDISK) != _ramdisk(node, settings):
        return ()
    by_interface = info.get(f"agent_cached_{kind}_steps") or {}
    return tuple(_spec(step, kind) for steps in by_interface.values() for step in steps)


def bmc_steps(services: Services, node: Node) -> tuple[BmcStep, ...]:
    """Return the steps that the node's BMC carries out; asks nobody.

    Raises:
        Invalid: The driver offers one under a reserved name.
    """
    info = dict(node.driver_info)
    offering = interfaces_of(services, node).offering()
    steps = tuple(step for part in offering for step in part.steps(info))
    taken = sorted({f"{one.interface}.{one.name}" for one in steps if one.name in RESERVED_NAMES})
    if taken:
        raise Invalid(
            f"the BMC driver of node {node.uuid} offers the steps {', '.join(taken)}: these names are reserved for the controller's own "
            "steps, whatever the interface; rename them in the driver"
        )
    return steps


def bmc_offer(steps: Sequence[BmcStep], kind: Kind) -> tuple[StepSpec, ...]:
    """Return the steps of a BMC's driver for one kind of workflow."""
    return tuple(
        StepSpec(
            step=one.name,
            interface=one.interface,
            kind=kind,
            priority=one.priorities[kind.value],
            argsinfo={
                name: Argument(description=info.description, required=info.required)
                for name, info in one.arguments.items()
            },
            abortable=one.abortable,
            requires_ramdisk=one.requires_ramdisk,
            where=Where.BMC,
            runs_as="bmc",
        )
        for one in steps
        if kind.value in one.priorities
    )


def rules_of(settings: Settings, kind: Kind, core: tuple[StepSpec, ...] = ()) -> Rules:
    """Return what the operator's settings say about one kind of steps; ``core``: those of the node's deploy interface."""
    own = {
        "deploy.erase_devices": settings.erase_devices_priority,
        "deploy.erase_devices_metadata": settings.erase_devices_metadata_priority,
    }
    by_setting = settings.clean_priorities() if kind is Kind.CLEAN else {}
    name = f"disallow_{kind}_steps"
    return Rules(
        priorities={**own, **by_setting} if kind is Kind.CLEAN else {},
        disallowed=frozenset(settings.listed(name)),
        disallowed_by=name,
        longest_wait_s=settings.longest_wait_step_s,
        core=core if kind is Kind.DEPLOY else (),
    )


def _spec(step: Mapping[str, Any], kind: Kind) -> StepSpec:
    mine = {"where": Where.AGENT, "kind": kind, "runs_as": "agent"}
    abortable = {"abortable": bool(step.get("abortable")), "requires_ramdisk": True}
    return msgspec.convert({**step, **abortable, **mine}, StepSpec)


def _ramdisk(node: Node, settings: Settings) -> str:
    return str(node.driver_info.get("deploy_ramdisk") or settings.deploy_ramdisk)
