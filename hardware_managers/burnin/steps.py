"""The burn-in steps: run the program, follow it, read its report, fail on any error it counted."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from agent.disks.root_device import skipped_disks
from agent.disks.virtual_media import is_virtual_medium
from agent.errors import AgentError, BurninFailed, InvalidRequest
from agent.hardware.capabilities import Phase, Step, StepContext
from agent.hardware.devices import BlockDevice
from agent.protocol.commands import Progress
from hardware_managers.burnin import orders, programs
from hardware_managers.burnin.gpu import burnin_gpu
from hardware_managers.burnin.self_tests import run_self_tests

log = logging.getLogger(__name__)
_SETTLE_S = 120.0
"""What a program may need beyond the time that it was told: to allocate, to write its report."""
_LONGEST_DISK_RUN_S = 30 * 86400.0
_PARTNER_LIMIT_S = 900.0
"""Ironic's default for a pair to come together."""
_PARTNER_POLL_S = 5.0
_MOST_REPORT_BYTES = 4 << 20


class PartnerAbsent(AgentError):
    """Nobody listens at the partner's address yet."""


def burnin_cpu(context: StepContext) -> Mapping[str, Any]:
    """Load and check the processors for ``agent_burnin_cpu_timeout`` seconds; return stress-ng's metrics."""
    order = orders.cpu_order(_driver_info(context))
    report = context.tools.folder / "cpu.yaml"
    return _stress(context, programs.stress_cpu(order, report), order.timeout_s, order.output_file)


def burnin_memory(context: StepContext) -> Mapping[str, Any]:
    """Write and check memory for ``agent_burnin_vm_timeout`` seconds; return stress-ng's metrics."""
    order = orders.memory_order(_driver_info(context))
    report = context.tools.folder / "memory.yaml"
    argv = programs.stress_memory(order, report)
    return _stress(context, argv, order.timeout_s, order.output_file)


def burnin_disk(context: StepContext) -> Mapping[str, Any]:
    """Write every disk that is not skipped and read it back, then run the drives' short self-tests if asked to.

    Everything on these disks is lost.

    Raises:
        BurninFailed: A disk could not be written, gave back something else, or failed its self-test.
    """
    order = orders.disk_order(_driver_info(context))
    disks = _free_disks(context)
    report = context.tools.folder / "disks.json"
    argv = programs.fio_disks(order, [disk.path for disk in disks], report)
    limit_s = order.runtime_s + _SETTLE_S if order.runtime_s else _LONGEST_DISK_RUN_S
    figures = _fio(context, argv, limit_s, report, order)
    if not order.runs_smart_test:
        return {"disks": figures}
    need("smartctl")
    return {"disks": figures, "self_tests": run_self_tests(disks, context.tools)}


def burnin_network(context: StepContext) -> Mapping[str, Any]:
    """Send to and receive from the partner, each for ``agent_burnin_fio_network_runtime`` seconds; return the rates.

    The first turn is the one of the node's role, in the second the roles are exchanged: both directions are tested.

    Raises:
        BurninFailed: The partner did not come within 15 minutes, or the connection broke.
    """
    order = orders.network_order(_driver_info(context))
    need("fio")
    turns = {}
    for number, role in enumerate((order.role, order.role.other), start=1):
        report = context.tools.folder / f"network-{number}.json"
        argv = programs.fio_network(replace(order, role=role), report)
        turns[str(role)] = _turn(context, argv, order, role, report)
    return turns


def _turn(
    context: StepContext,
    argv: Sequence[str],
    order: orders.NetworkOrder,
    role: orders.Role,
    report: Path,
) -> list[Mapping[str, Any]]:
    """Run one direction; a writer whose partner does not listen yet tries again."""
    deadline = time.monotonic() + _PARTNER_LIMIT_S
    limit_s = order.runtime_s + _SETTLE_S
    if role is orders.Role.READER:
        limit_s += _PARTNER_LIMIT_S + programs.READER_WAITS_S
    while True:
        try:
            return _fio(context, argv, limit_s, report, order)
        except PartnerAbsent as error:
            if time.monotonic() >= deadline:
                raise BurninFailed(
                    f"burnin_network: {order.partner} did not listen within {_PARTNER_LIMIT_S:.0f} s ({error}); start "
                    "the step on both machines, and look whether port 9000 is open between them"
                ) from error
        context.progress(Progress(phase="burn-in", message=f"waiting for {order.partner}"))
        if context.tools.stop.wait(_PARTNER_POLL_S):
            context.tools.stop.check()


def _stress(
    context: StepContext, argv: Sequence[str], timeout_s: float, output: PurePosixPath | None
) -> Mapping[str, Any]:
    need(argv[0])
    report = Path(argv[-1])
    context.progress(Progress(phase="burn-in", message=f"{argv[1][2:]} for {timeout_s:.0f} s"))
    context.tools.runner.follow(
        *argv,
        timeout_s=timeout_s + _SETTLE_S,
        on_line=lambda line: context.progress(Progress(phase="burn-in", message=line)),
        stop=context.tools.stop,
        folder=context.tools.folder,
    )
    text = _read(report)
    _keep(text, output)
    return {"stressors": list(programs.stress_figures(text))}


def _fio(
    context: StepContext,
    argv: Sequence[str],
    timeout_s: float,
    report: Path,
    order: orders.DiskOrder | orders.NetworkOrder,
) -> list[Mapping[str, Any]]:
    need(argv[0])

    def show(line: str) -> None:
        percent = programs.percent_done(line)
        if percent is not None:
            context.progress(Progress(phase="burn-in", message=f"{percent:.1f} % of the burn-in"))

    context.progress(Progress(phase="burn-in", message="begins"))
    done = context.tools.runner.follow(
        *argv,
        timeout_s=timeout_s,
        on_line=show,
        stop=context.tools.stop,
        folder=context.tools.folder,
        ok=range(256),  # with errors it ends with 1: the report names them, or it is not there
    )
    if not report.exists():
        raise BurninFailed(
            f"fio ended with exit status {done.exit_code} and wrote no report: "
            f"{done.stderr.strip()[-400:] or done.stdout.strip()[-400:] or 'no output'}"
        )
    text = _read(report)
    _keep(text, order.output_file)
    figures = list(programs.fio_figures(text))
    if programs.partner_is_absent(figures):
        raise PartnerAbsent("connection refused, or no route")
    failed = [str(job["name"]) for job in figures if job["errors"]]
    if failed or done.exit_code:
        names = ", ".join(failed) or "fio itself"
        raise BurninFailed(
            f"burn-in failed on {names} (exit status {done.exit_code}): {_meaning(order)}"
        )
    programs.require_moved(figures)
    return figures


def _meaning(order: orders.DiskOrder | orders.NetworkOrder) -> str:
    if isinstance(order, orders.NetworkOrder):
        return (
            f"the connection with {order.partner} broke while data went through it; look at both machines' "
            "links (cable, transceiver, switch) and whether the step still runs on the partner"
        )
    return (
        "what was read is not what was written, or it could not be written; do not use it before it was "
        "replaced or tested by its vendor's tool"
    )


def _free_disks(context: StepContext) -> tuple[BlockDevice, ...]:
    """Return the disks to write, after what stands on them was ended."""
    hardware = context.hardware
    every = hardware.disks()
    virtual = filter(is_virtual_medium, every)
    left_alone = {*skipped_disks(context.node, every), *virtual}
    kept = [node for disk in every if disk in left_alone for node in disk.nodes]
    wanted = tuple(d for d in every if d not in left_alone and not d.is_read_only and not d.below)
    if not wanted:
        raise InvalidRequest(
            "burnin_disk: there is no disk to test: all are read-only, virtual media, or named in properties.skip_block_devices"
        )
    eraser = hardware.metadata_eraser()
    for disk in wanted:
        hardware.release(disk.nodes, kept)
    for (
        disk
    ) in wanted:  # refuses file systems that other machines share, before anything is written
        eraser.erase_metadata(disk, context.progress, wipe_shared=False)
    return wanted


def _driver_info(context: StepContext) -> Mapping[str, Any]:
    told = context.node.get("driver_info")
    return told if isinstance(told, Mapping) else {}


def need(program: str) -> None:
    """Raise ``BurninFailed`` if the ramdisk was built without ``program``."""
    if shutil.which(program) is None:
        raise BurninFailed(
            f"{program} is not in this ramdisk; build it with the element ingot-burnin (build-ramdisk --with burnin)"
        )


def _read(report: Path) -> str:
    try:
        with report.open("rb") as file:
            return file.read(_MOST_REPORT_BYTES).decode(errors="replace")
    except FileNotFoundError as error:
        raise BurninFailed(
            f"{report.name}: the program ended and wrote no report; look at the agent's log"
        ) from error


def _keep(text: str, output: PurePosixPath | None) -> None:
    """Leave the report where the node wants it, for the agent's log archive."""
    if output is None:
        return
    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(text)
    except OSError as error:
        raise BurninFailed(
            f"{output}: the burn-in's report cannot be kept there: {error}"
        ) from error


def _on_machine(
    run: Callable[[StepContext], Mapping[str, Any]], context: StepContext
) -> Mapping[str, Any]:
    """Run a step; say which machine passed (disks, system), so that a later exchange is seen."""
    result = run(context)
    names = {disk.serial or disk.wwn for disk in context.hardware.disks()}
    machine = {"disks": sorted(name for name in names if name), "system": _system(context)}
    return {**result, "machine": machine}


def _system(context: StepContext) -> Mapping[str, str | None]:
    """Return what SMBIOS calls the machine; nothing if no manager can tell: hours of burn-in are not lost for that."""
    try:
        identity = context.hardware.machine_reader().identity()
    except AgentError as error:
        log.warning("the system's UUID and serial number cannot be read", extra={"why": str(error)})
        return {}
    return {"uuid": identity.system_uuid, "serial": identity.serial_number}


def _step(
    name: str, run: Callable[[StepContext], Mapping[str, Any]], phases: Sequence[Phase]
) -> Step:
    return Step(
        name=name,
        interface="deploy",
        priorities=dict.fromkeys(phases, 0),
        run=partial(_on_machine, run),
        stoppable=True,
    )


_ALWAYS = (Phase.CLEAN, Phase.SERVICE)
STEPS = (
    _step("burnin_cpu", burnin_cpu, _ALWAYS),
    _step("burnin_memory", burnin_memory, _ALWAYS),
    _step("burnin_network", burnin_network, _ALWAYS),
    _step("burnin_gpu", burnin_gpu, _ALWAYS),
    _step("burnin_disk", burnin_disk, (Phase.CLEAN,)),
)
