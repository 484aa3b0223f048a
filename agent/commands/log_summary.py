"""``summary.txt``: the archive's first page, for somebody who is tired and wants to know what happened to which machine.

Each part stands for itself: what cannot be read says why, and the page goes on.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.errors import AgentError, CommandFailed
from agent.hardware.devices import BlockDevice, NetworkInterface
from agent.hardware.reading import MachineView
from agent.protocol.commands import CommandResult, CommandStatus
from agent.protocol.foreign_text import clean_line
from agent.system.log_output import uptime_s
from agent.system.runner import Runner
from agent.system.status import Status, StatusBoard, Trouble

_SHOWN_COMMANDS = 8
_SMART_TIMEOUT_S, _SMART_TOTAL_S = 10.0, 20.0
_LONGEST_DETAIL = 1000
_EVERY_STATUS = tuple(range(256))
_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySources:
    """Where the page's facts come from."""

    version: str
    hardware: MachineView
    board: StatusBoard
    runner: Runner
    commands: Callable[[], Sequence[CommandResult]]
    troubles: Callable[[], Sequence[Trouble]]


def write_summary(sources: SummarySources) -> str:
    """Return the page."""
    parts: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("Machine", lambda: _machine(sources.hardware)),
        ("Controller", lambda: _controller(sources.board.read(), sources.board.silent_s())),
        ("Orders, the last one first", lambda: _commands(sources.commands())),
        ("Last warnings and errors, the last one first", lambda: _troubles(sources.troubles())),
        ("Disks", lambda: _disks(sources.hardware.disks(), sources.runner)),
        ("Network cards", lambda: _nics(sources.hardware.nics())),
    )
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = [f"Ingot agent {sources.version}; written {now}, {uptime_s():.0f} s after the start"]
    for title, read in parts:
        lines += ["", title, *(f"  {line}" for line in _read(read))]
    return "\n".join([*lines, ""])


def _read(read: Callable[[], Iterable[str]]) -> list[str]:
    try:
        return list(read()) or ["none"]
    except AgentError as error:
        return [f"not known: {clean_line(error)}"]


def _machine(hardware: MachineView) -> Iterator[str]:
    reader = hardware.machine_reader()
    identity, boot = reader.identity(), reader.boot_environment()
    made = " ".join(filter(None, (identity.manufacturer, identity.product_name)))
    yield f"{made or 'of unknown make'}, serial {identity.serial_number or 'unknown'}"
    yield f"UUID {identity.system_uuid or 'unknown'}, booted in {boot.mode} mode from {boot.pxe_mac or 'unknown'}"
    firmware = (identity.firmware_vendor, identity.firmware_version, identity.firmware_date)
    yield f"firmware {' '.join(filter(None, firmware)) or 'unknown'}"
    processor, memory = reader.processor(), reader.memory()
    yield f"{processor.count} processors {processor.model_name}, {memory.total_bytes / _GIB:.1f} GiB of memory"


def _controller(status: Status, silent_s: float | None) -> Iterator[str]:
    yield f"node {status.node or 'not known'}; the agent is {status.phase}"
    yield f"controller {status.controller or 'not known'}, calls {status.url or 'nothing yet'}"
    if status.silence:
        yield f"does not answer: {status.silence}"
    yield "nothing was heard of it" if silent_s is None else f"last heard {silent_s:.0f} s ago"


def _commands(commands: Sequence[CommandResult]) -> Iterator[str]:
    for one in reversed(commands[-_SHOWN_COMMANDS:]):
        yield f"{one.command_name}: {one.command_status.lower()}{_more(one)}"


def _more(command: CommandResult) -> str:
    error, progress = command.command_error, command.progress
    if command.command_status is CommandStatus.RUNNING:
        return "" if progress is None else f" ({progress.phase}, {progress.bytes_done or 0} bytes)"
    if error is None:
        return ""
    told: Any = error.get("details") if isinstance(error, dict) else error.details
    return f": {clean_line(told, _LONGEST_DETAIL)}"


def _troubles(troubles: Sequence[Trouble]) -> Iterator[str]:
    for one in reversed(troubles):
        yield f"[{one.uptime_s:9.3f}] {one.text}"


def _disks(disks: Sequence[BlockDevice], runner: Runner) -> Iterator[str]:
    until = time.monotonic() + _SMART_TOTAL_S
    for disk in disks:
        kind = "rotating" if disk.is_rotational else "solid"
        named = f"{disk.model or 'no model'}, serial {disk.serial or 'unknown'}"
        over = time.monotonic() > until
        health = "health not asked: no time left" if over else smart_words(disk, runner)
        read_only = ", READ-ONLY" if disk.is_read_only else ""
        size = f"{disk.size_bytes / _GIB:.1f} GiB {kind}"
        way = f", {disk.transport}" if disk.transport else ""
        yield f"{disk.path}: {size}{way}, {clean_line(named)}{read_only}; {health}"


def smart_words(disk: BlockDevice, runner: Runner) -> str:
    """Return what a drive says of its own health (smartctl 7.3, ``smart_status`` of its JSON)."""
    argv = ("smartctl", "--json", "--health", str(disk.path))
    try:
        out = runner.run(*argv, timeout_s=_SMART_TIMEOUT_S, ok=_EVERY_STATUS)
        passed = json.loads(out.stdout)["smart_status"]["passed"]
    except CommandFailed as error:
        return f"health not known: {clean_line(error, 120)}"
    except (ValueError, KeyError, TypeError):
        return "says nothing of its health"
    return "says that it is healthy" if passed else "SAYS THAT IT IS FAILING"


def _nics(nics: Sequence[NetworkInterface]) -> Iterator[str]:
    for nic in nics:
        link = f"{nic.speed_mbps or '?'} Mbit/s" if nic.has_carrier else "NO CARRIER"
        addresses = " ".join(filter(None, (nic.ipv4, nic.ipv6))) or "no address"
        yield f"{nic.name}: {nic.mac}, {link}, {addresses}, {nic.driver or 'no driver'}"
