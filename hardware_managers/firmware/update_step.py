"""The step ``firmware.update``: fetch and check every file, find every component, only then write, one after the other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import AgentError, FirmwareError, InvalidRequest
from agent.hardware.capabilities import StepContext
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence, FirmwareUpdater
from agent.protocol.commands import Progress
from hardware_managers.firmware.orders import (
    UpdateOrder,
    is_there,
    meant,
    overlapping,
    parse_orders,
)

_Job = tuple[UpdateOrder, FirmwareUpdater, FirmwareComponent]


def update(context: StepContext) -> dict[str, Any]:
    """Update what ``args.settings`` names.

    Returns:
        ``updated``: what was there before and after, by component; ``left``: what has the wanted version already; and
        ``reboot_needed``.

    Raises:
        InvalidRequest: The settings cannot be used.
        FirmwareError: A component is not there, or an update failed; the message says what was updated before it.
    """
    orders = parse_orders(context.args.get("settings"))
    jobs, left = _plan(orders, context.hardware.firmware_updaters())
    files = _fetch(jobs, context)
    done: list[FirmwareEvidence] = []
    for number, (order, updater, component) in enumerate(jobs, start=1):
        context.progress(
            Progress(phase="firmware", message=f"{component.id} ({number} of {len(jobs)})")
        )
        try:
            evidence = updater.update(component, files[order.url], context.tools)
            _check_version(order, evidence)
        except AgentError as error:
            raise FirmwareError(
                f"{error}; {_story(done, len(jobs))}; look at the component before you try again"
            ) from error
        done.append(evidence)
    return {
        "updated": [msgspec.to_builtins(evidence) for evidence in done],
        "left": [f"{component.id}: has {component.version} already" for component in left],
        "reboot_needed": any(evidence.reboot_needed for evidence in done),
    }


def _plan(
    orders: Sequence[UpdateOrder], updaters: Sequence[FirmwareUpdater]
) -> tuple[list[_Job], list[FirmwareComponent]]:
    """Return what is to be done, and what is done already."""
    owners: dict[str, tuple[FirmwareUpdater, FirmwareComponent]] = {}
    silent = []
    for updater in updaters:
        try:
            for component in updater.components():
                owners.setdefault(component.id, (updater, component))
        except AgentError as error:  # a part that does not answer must not hold up the others
            silent.append(f"{updater.name}: {error}")
    components = [component for _, component in owners.values()]
    try:
        chosen = [(order, meant(order, components)) for order in orders]
    except FirmwareError as error:
        raise FirmwareError("; ".join((str(error), *silent))) from error
    for component_id, urls in overlapping(chosen).items():
        raise InvalidRequest(
            f"firmware.update: {component_id} is meant by several entries ({', '.join(urls)}); name it in one"
        )
    pairs = [(order, component) for order, several in chosen for component in several]
    jobs = [(o, owners[c.id][0], c) for o, c in pairs if not is_there(o, c)]
    return jobs, [c for o, c in pairs if is_there(o, c)]


def _fetch(jobs: Sequence[_Job], context: StepContext) -> Mapping[str, Path]:
    files: dict[str, Path] = {}
    for order, _, _ in jobs:
        if order.url not in files:
            into = context.tools.folder / f"firmware-{len(files)}"
            files[order.url] = context.tools.fetch(order.url, into, checksum=order.checksum)
    return files


def _check_version(order: UpdateOrder, evidence: FirmwareEvidence) -> None:
    if order.version is not None and evidence.after != order.version:
        raise FirmwareError(
            f"{evidence.component.id}: has {evidence.after} now, and {order.version} was wanted: the file at "
            f"{order.url} brings another version"
        )


def _story(done: Sequence[FirmwareEvidence], all_jobs: int) -> str:
    told = ", ".join(f"{e.component.id} ({e.before} to {e.after})" for e in done)
    return f"updated before it: {told or 'nothing'}; not begun: {all_jobs - len(done) - 1}"
