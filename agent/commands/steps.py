"""Commands of the ``clean``, ``deploy`` and ``service`` namespaces: list steps, execute one. All three work alike."""

import functools
import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from agent.commands.command import Command, Job, Kind, Params, parse_params
from agent.commands.identity import Identity
from agent.commands.written_images import WrittenImages
from agent.errors import InvalidRequest, VersionMismatch
from agent.hardware.capabilities import Phase, ProgressSink, StepContext
from agent.hardware.registry import Hardware
from agent.hardware.steps import describe_steps, find_step
from agent.protocol.steps import StepRequest

log = logging.getLogger(__name__)


class _ExecuteStep(msgspec.Struct, frozen=True, kw_only=True):
    step: dict[str, Any]
    node: dict[str, Any]
    ports: list[dict[str, Any]]


class StepCommands:
    """The commands and what they need."""

    def __init__(self, hardware: Hardware, written: WrittenImages, identity: Identity) -> None:
        self._hardware = hardware
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
        """List the steps of ``phase`` and the managers' versions; a ``node`` that comes along is the node from now on."""
        node = params.get("node")
        if node is not None and not isinstance(node, dict):
            raise InvalidRequest(f"get_{phase}_steps: node is no object")

        def tell(_progress: ProgressSink) -> dict[str, Any]:
            if node is not None:
                self._identity.learn_node(node)
            return {
                f"{phase}_steps": describe_steps(self._hardware.managers, phase),
                "hardware_manager_version": self._hardware.versions(),
            }

        return tell

    def execute_step(self, phase: Phase, params: Params) -> Job:
        """Execute one step of ``phase``."""
        command = f"execute_{phase}_step"
        wanted = parse_params(params, _ExecuteStep, command)
        request = parse_params(wanted.step, StepRequest, f"{command}: step")
        version = params.get(f"{phase}_version")

        def execute(progress: ProgressSink) -> dict[str, Any]:
            self._identity.learn_node(wanted.node)
            self._check_version(version, phase)
            step = find_step(self._hardware.managers, phase, request)
            log.info("step started", extra={"step": f"{request.interface}.{request.step}"})
            context = StepContext(
                node=wanted.node,
                ports=tuple(wanted.ports),
                args=request.args or {},
                progress=progress,
                hardware=self._hardware,
                remember=self._written.remember,
            )
            return {f"{phase}_result": step.run(context), f"{phase}_step": wanted.step}

        return execute

    def _check_version(self, version: Any, phase: Phase) -> None:
        """Compare the managers with those that the controller knows; ``None`` = it does not care."""
        current = self._hardware.versions()
        if version is not None and version != current:
            raise VersionMismatch(
                f"the hardware managers are {current}, the controller knows {version}; get the {phase} steps again"
            )
