"""The steps that erase whole disks: ``erase_devices`` by what each drive does best, ``erase_devices_express`` by what takes seconds."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import AgentError, EraseError, Stopped
from agent.hardware.capabilities import HardwareView, Phase, Step, StepContext
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import EraseOffer, EraseWish
from agent.protocol.erasure import STEP_KEY, DiskErasure, EraseLevel, ErasureReport, ErasureState
from hardware_managers.generic.erase_plan import Targets, plan_jobs, sort_out
from hardware_managers.generic.erase_run import EraseRun, describe
from hardware_managers.generic.erase_wish import erase_wish

_ASKED_AT_ONCE = 8


def erase_devices(context: StepContext) -> dict[str, Any]:
    """Erase every disk by the best method that its drive announces, at the level that is asked for or not at all.

    Arrays of ``raid_config`` stay: they are started, and their content is erased in the place of their members'.

    Returns:
        What was done by disk path, as Ironic's agent answers, and below ``erasure`` an ``ErasureReport``.

    Raises:
        InvalidRequest: A value of the node's documents cannot be used.
        EraseError: At least one disk is not erased; the error's ``result`` has the same report.
        RaidError: An array of ``raid_config`` is not there; nothing was erased.
        Stopped: It was ordered to stop; likewise.
    """
    wish = erase_wish(context.node)
    targets = _targets(context, wish)
    free, held = _released(context.hardware, targets)
    offers = _offers(context.hardware, free, wish)
    jobs, impossible = plan_jobs(free, offers, wish)
    refused = {**targets.refused, **held, **_with_advice(impossible, targets)}
    done = EraseRun(wish=wish, tools=context.tools).carry_out(jobs)
    return _finished(context, "erase_devices", wish.level, targets, refused, done)


def erase_devices_express(context: StepContext) -> dict[str, Any]:
    """Erase what can be erased within seconds by the drive itself; of the other disks only the metadata, which reaches no level.

    Returns:
        As ``erase_devices``.

    Raises:
        InvalidRequest: A value of the node's documents cannot be used.
        EraseError: At least one disk is not erased; the error's ``result`` has the same report.
        RaidError: An array of ``raid_config`` is not there; nothing was erased.
        Stopped: It was ordered to stop; likewise.
    """
    wish = replace(erase_wish(context.node), level=EraseLevel.CLEAR, allow_overwrite=False)
    targets = _targets(context, wish)
    free, held = _released(context.hardware, targets)
    quick = {
        path: tuple(one for one in found if one.plan.is_quick)
        for path, found in _offers(context.hardware, free, wish).items()
    }
    jobs, slow = plan_jobs(free, quick, wish)
    done = EraseRun(wish=wish, tools=context.tools).carry_out(jobs)
    done += [_metadata(context, disk, wish) for disk in free if disk.path in slow]
    refused = {**targets.refused, **held}
    return _finished(context, "erase_devices_express", wish.level, targets, refused, done)


def _targets(context: StepContext, wish: EraseWish) -> Targets:
    """Start the arrays of ``raid_config``, then decide about every disk."""
    every = context.hardware.raid_configurators()
    arrays = [array for one in every for array in one.attach(context.node)]
    return sort_out(context.node, context.hardware.disks(), wish, arrays)


def _with_advice(impossible: Mapping[Path, str], targets: Targets) -> dict[Path, str]:
    """Say of arrays, which can be overwritten and nothing else, how their disks can be erased as asked."""
    arrays = {disk.path for disk in targets.wanted if disk.below}
    advice = (
        "; it is an array that stays: to have its disks erased themselves, order raid.delete_configuration before, and"
        " raid.create_configuration afterwards"
    )
    return {path: f"{why}{advice if path in arrays else ''}" for path, why in impossible.items()}


def _released(
    hardware: HardwareView, targets: Targets
) -> tuple[tuple[BlockDevice, ...], dict[Path, str]]:
    """End what stands on the disks; return those that are free then, and why the others are not."""
    held: dict[Path, str] = {}
    for disk in targets.wanted:
        try:
            hardware.release(disk.nodes, targets.kept_nodes)
        except AgentError as error:
            held[disk.path] = str(error)
    return tuple(disk for disk in targets.wanted if disk.path not in held), held


def _offers(
    hardware: HardwareView, disks: Sequence[BlockDevice], wish: EraseWish
) -> dict[Path, tuple[EraseOffer, ...]]:
    """Ask for every disk, several at a time, as drives take seconds to answer."""
    with ThreadPoolExecutor(max_workers=_ASKED_AT_ONCE) as pool:
        found = pool.map(lambda disk: hardware.erase_offers(disk, wish), disks)
        return {disk.path: offers for disk, offers in zip(disks, found, strict=True)}


def _metadata(context: StepContext, disk: BlockDevice, wish: EraseWish) -> DiskErasure:
    eraser = context.hardware.metadata_eraser()
    try:
        for node in disk.nodes:
            context.tools.stop.check(f"the erasure of {node}")
            one = replace(disk, path=node, paths=())
            found = eraser.erase_metadata(one, context.progress, wipe_shared=wish.wipe_shared)
    except AgentError as error:
        return describe(disk, ErasureState.FAILED, str(error), wish.level)
    text = f"{found.method}: {found.detail}; the content between can still be read"
    return describe(disk, ErasureState.ERASED, text, None)


def _finished(
    context: StepContext,
    step: str,
    level: EraseLevel,
    targets: Targets,
    refused: Mapping[Path, str],
    done: Sequence[DiskErasure],
) -> dict[str, Any]:
    """Return the step's result, or raise with it."""
    by_path = {disk.path: disk for disk in targets.every}
    every = [*done]
    for reasons, state in (
        (targets.left_alone | targets.ended, ErasureState.LEFT_ALONE),
        (refused, ErasureState.FAILED),
    ):
        every += [describe(by_path[path], state, text, level) for path, text in reasons.items()]
    result = _result(ErasureReport(step=step, level_asked=level, disks=every))
    failed = [one for one in every if one.state is ErasureState.FAILED]
    if not failed:
        return result
    asked = len(every) - len(targets.left_alone | targets.ended)
    text = f"{len(failed)} of {asked} disks not erased: {'; '.join(_named(one) for one in failed)}"
    if left := context.tools.stop.left:
        text += f"; what could not be stopped was waited for: {'; '.join(left)}"
    raise _kind_of_error(context)(text, result=result)


def _kind_of_error(context: StepContext) -> type[AgentError]:
    return Stopped if context.tools.stop.is_set() else EraseError


def _named(one: DiskErasure) -> str:
    return one.detail if one.path in one.detail else f"{one.path}: {one.detail}"


def _result(report: ErasureReport) -> dict[str, Any]:
    texts = {one.path: one.detail for one in report.disks}
    return {**texts, STEP_KEY: msgspec.to_builtins(report)}


ERASE_STEPS = (
    Step(
        name="erase_devices",
        interface="deploy",
        priorities={Phase.CLEAN: 10},
        run=erase_devices,
        stoppable=True,
    ),
    Step(
        name="erase_devices_express",
        interface="deploy",
        priorities={Phase.CLEAN: 0},
        run=erase_devices_express,
        stoppable=True,
    ),
)
