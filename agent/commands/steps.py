"""Commands of the ``clean``, ``deploy`` and ``service`` namespaces: list steps, execute one. All three work alike."""

import functools
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.commands.identity import Identity
from agent.commands.written_images import WrittenImages
from agent.errors import AgentError, InvalidRequest, VersionMismatch
from agent.hardware.capabilities import Phase, Step, StepContext
from agent.hardware.registry import Hardware
from agent.hardware.steps import Subject, describe_steps, find_step
from agent.hardware.tools import StepTools
from agent.images.download import Downloader
from agent.protocol.masking import masked
from agent.protocol.steps import StepRequest
from agent.system.runner import Runner

log = logging.getLogger(__name__)


class _ExecuteStep(msgspec.Struct, frozen=True, kw_only=True):
    step: dict[str, Any]
    node: dict[str, Any]
    ports: list[dict[str, Any]]


class StepCommands:
    """The commands and what they need."""

    def __init__(
        self, hardware: Hardware, written: WrittenImages, identity: Identity, runner: Runner
    ) -> None:
        self._hardware = hardware
        self._runner = runner
        self._written = written
        self._identity = identity

    def commands(self) -> Iterable[Command]:
        """Return the two commands of each phase."""
        for phase in Phase:
            yield Command(
                name=f"{phase}.get_{phase}_steps",
                kind=Kind.SYNC,
                prepare=functools.partial(self.get_steps, phase),
            )
            yield Command(
                name=f"{phase}.execute_{phase}_step",
                kind=Kind.ASYNC,
                prepare=functools.partial(self.execute_step, phase),
            )

    def get_steps(self, phase: Phase, params: Params) -> Job:
        """List the steps of ``phase`` and the managers' versions; a ``node`` that comes along is the node from now on.

        Steps may depend on the node: without one the last that was told of counts.
        """
        node = params.get("node")
        if node is not None and not isinstance(node, dict):
            raise InvalidRequest(f"get_{phase}_steps: node is no object")
        ports = _ports(params.get("ports"), phase)

        def tell(_control: Control) -> dict[str, Any]:
            if node is not None:
                self._identity.learn_node(node)
            subject = Subject(self._identity.node or {}, ports)
            return {
                f"{phase}_steps": describe_steps(self._hardware.managers, phase, subject),
                "hardware_manager_version": self._hardware.versions(),
            }

        return tell

    def execute_step(self, phase: Phase, params: Params) -> Job:
        """Execute one step of ``phase``."""
        command = f"execute_{phase}_step"
        wanted = parse_params(params, _ExecuteStep, command)
        request = parse_params(wanted.step, StepRequest, f"{command}: step")
        version = params.get(f"{phase}_version")

        def execute(control: Control) -> dict[str, Any]:
            self._identity.learn_node(wanted.node)
            self._check_version(version, phase)
            subject = Subject(wanted.node, wanted.ports)
            shown = masked(wanted.step)  # results are kept in a file, for the life of the ramdisk
            step = find_step(self._hardware.managers, phase, request, subject)
            log.info("step started", extra={"step": f"{request.interface}.{request.step}"})
            # A process that is started after a kill in the middle must not take a disk for bootable that may be half changed.
            before = None if phase is Phase.CLEAN else self._written.last()
            self._written.forget()
            try:
                result = self._run(step, wanted, request, control)
            except AgentError as error:
                self._written.forget()  # what a failed deployment has written is nothing to boot
                if error.result is not None:
                    error.result = {f"{phase}_result": error.result, f"{phase}_step": shown}
                raise
            if before is not None and self._written.last() is None:
                self._written.remember(before)
            return {f"{phase}_result": result, f"{phase}_step": shown}

        return execute

    def _run(self, step: Step, wanted: _ExecuteStep, request: StepRequest, control: Control) -> Any:
        if step.stoppable:
            control.stop.allow()
        rules = self._hardware.wishes.images
        with tempfile.TemporaryDirectory(prefix="ingot-step-") as folder:
            tools = StepTools(
                progress=control.progress,
                runner=self._runner,
                stop=control.stop,
                fetch=Downloader(rules, wanted.node, control.progress, control.stop),
                folder=Path(folder),
            )
            context = StepContext(
                node=wanted.node,
                ports=tuple(wanted.ports),
                args=request.args or {},
                hardware=self._hardware,
                tools=tools,
                remember=self._written.remember,
            )
            return step.run(context)

    def _check_version(self, version: Any, phase: Phase) -> None:
        """Compare the managers with those that the controller knows; ``None`` = it does not care."""
        current = self._hardware.versions()
        if version is not None and version != current:
            raise VersionMismatch(
                f"the hardware managers are {current}, the controller knows {version}; get the {phase} steps again"
            )


def _ports(value: Any, phase: Phase) -> tuple[dict[str, Any], ...]:
    """Return the ``ports`` of a command; none if they are not given.

    Raises:
        InvalidRequest: They are no list of objects.
    """
    if value is None:
        return ()
    try:
        return tuple(msgspec.convert(value, list[dict[str, Any]]))
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"get_{phase}_steps: ports: {error}") from error
