"""How calls of plug-ins for Ironic's agent reach this agent's own chain.

Their interface is made of global functions and of classes that are made without arguments, so the chain stands in one place of this
module. It is a second chain of the native managers alone: a plug-in that asks for the disks must not be asked for them itself.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from agent.errors import PluginError
from agent.hardware.capabilities import Phase, StepContext
from agent.hardware.registry import Hardware
from agent.hardware.steps import Subject, find_step, offered_steps
from agent.protocol.steps import StepRequest
from agent.system.runner import Runner

_context: ContextVar[StepContext | None] = ContextVar("step of a plug-in", default=None)


class Native:
    """The native chain, loaded when it is first asked for, and the runner."""

    def __init__(self, runner: Runner, load: Callable[[], Hardware]) -> None:
        self.runner = runner
        self._load = load
        self._hardware: Hardware | None = None
        self.node: Mapping[str, Any] = {}
        """The node as last seen: Ironic's agent lets plug-ins ask for it at any time."""

    def hardware(self) -> Hardware:
        """Return the chain of the native managers."""
        if self._hardware is None:
            self._hardware = self._load()
        return self._hardware


class _Place:
    native: Native | None = None


def install(native: Native) -> None:
    """Have plug-ins' calls go to ``native`` from now on."""
    _Place.native = native


def native() -> Native:
    """Return where plug-ins' calls go.

    Raises:
        PluginError: A plug-in was imported by something else than this agent.
    """
    if _Place.native is None:
        raise PluginError(
            "a hardware manager for ironic-python-agent was used before this agent had loaded it; let the agent load it"
        )
    return _Place.native


@contextmanager
def working_in(context: StepContext) -> Iterator[None]:
    """Remember the step that a plug-in's method is called for, so that it can hand on to a native step."""
    native().node = context.node
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def run_native_step(
    name: str, interface: str, node: Mapping[str, Any], ports: Any, args: Mapping[str, Any]
) -> Any:
    """Run a step of the native managers in the middle of a plug-in's step, with its tools and with the whole chain.

    Raises:
        PluginError: Nothing is being carried out: there is nothing to report to.
        NotFound: No native manager offers it.
    """
    context = _context.get()
    if context is None:
        raise PluginError(f"{interface}.{name} was called by a hardware manager outside of a step")
    hardware = native().hardware()
    subject = Subject(node, tuple(ports))
    request = StepRequest(step=name, interface=interface, args=dict(args) or None)
    for phase in Phase:
        offered = offered_steps(hardware.managers, phase, subject)
        if any((step.interface, step.name) == (interface, name) for _, step in offered):
            step = find_step(hardware.managers, phase, request, subject)
            again = replace(
                context, node=node, args=dict(args)
            )  # with the whole chain, plug-ins too
            return step.run(again)
    raise PluginError(f"no hardware manager of this agent offers {interface}.{name}")
