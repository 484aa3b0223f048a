"""What a command is: its full name, its kind, and a function that checks parameters and returns the job.

A job gets what it is watched and stopped by, and returns what the controller shall see: ``None``, text or a JSON object.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from agent.errors import InvalidRequest, NotFound
from agent.hardware.tools import ProgressSink
from agent.system.stop_signal import StopSignal

Params = Mapping[str, Any]
_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True, slots=True)
class Control:
    """What a job reports to and is stopped by; the signal refuses until the job allows it."""

    progress: ProgressSink
    stop: StopSignal


Job = Callable[[Control], Any]


class Kind(StrEnum):
    """How a command is answered."""

    SYNC = "sync"
    """The request waits for the end."""
    ASYNC = "async"
    """The request is answered at once; the end is asked for, or told by a heartbeat."""
    LAST = "last"
    """As ``ASYNC``, and never waited for: the machine ends with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of the API; ``prepare`` raises ``InvalidRequest`` for parameters that cannot be used."""

    name: str
    kind: Kind
    prepare: Callable[[Params], Job]

    @property
    def short_name(self) -> str:
        """The name without its namespace; results carry this one."""
        return self.name.partition(".")[2]


def catalogue(commands: Iterable[Command]) -> Mapping[str, Command]:
    """Return the commands by their full names."""
    return {command.name: command for command in commands}


def find_command(commands: Mapping[str, Command], name: str) -> Command:
    """Return the command called ``name``.

    Raises:
        InvalidRequest: ``name`` has no namespace, or the namespace has no such command.
        NotFound: There is no such namespace.
    """
    if name in commands:
        return commands[name]
    namespace, dot, _ = name.partition(".")
    if not dot:
        raise InvalidRequest(f"command {name!r} is not of the form <namespace>.<command>")
    siblings = sorted(known for known in commands if known.startswith(f"{namespace}."))
    if not siblings:
        namespaces = sorted({known.partition(".")[0] for known in commands})
        raise NotFound(f"no command namespace {namespace!r}; known: {', '.join(namespaces)}")
    raise InvalidRequest(f"no command {name!r}; known: {', '.join(siblings)}")


def parse_params(params: Params, kind: type[_Parsed], command: str) -> _Parsed:
    """Return ``params`` as a ``kind``; keys that it does not know are ignored.

    Raises:
        InvalidRequest: A parameter is missing or of the wrong type; the message has its path.
    """
    try:
        return msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{command}: {error}") from error
