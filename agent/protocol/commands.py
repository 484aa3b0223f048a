"""Commands of the agent's REST API and their results (Ironic agent API v1).

``progress`` and ``stoppable`` are ours; Ironic's conductor ignores fields that it does not know. So is the order to stop a running command,
``DELETE /v1/commands/<id>``: it is answered with 202 and the command when it was asked to stop, with 409 and the reason when it cannot be
stopped now or has ended, with 404 when there is no such command. It then ends FAILED with an error of type ``CommandStopped``, unless it
was done before it looked.
"""

from enum import StrEnum
from typing import Any

import msgspec


class CommandStatus(StrEnum):
    """State of a command; the values are Ironic's."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    VERSION_MISMATCH = "CLEAN_VERSION_MISMATCH"


COMMAND_STOPPED = "CommandStopped"
"""``type`` of the error of a command that ended because it was asked to stop."""


class CommandRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /v1/commands/``; ``name`` is ``<namespace>.<command>``."""

    name: str
    params: dict[str, Any]


class CommandError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command failed; ``code`` is an HTTP-like status."""

    type: str
    code: int
    message: str
    details: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a running command is.

    ``bytes_done`` and ``bytes_total`` count bytes of what moves in ``phase`` (``write``: of the image as it is published, so
    that rate and time left are true for every format); ``disk_bytes_done`` and ``disk_bytes_total`` count the image's bytes that
    lie on the disk by then, zeros included. ``percent`` (0 to 100) is for work that counts no bytes; ``None`` = not known.
    """

    phase: str
    bytes_done: int | None = None
    bytes_total: int | None = None
    disk_bytes_done: int | None = None
    disk_bytes_total: int | None = None
    rate_bytes_per_s: float | None = None
    time_left_s: float | None = None
    percent: float | None = None
    message: str | None = None


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """One command as the API shows it; ``command_name`` is the short name (no namespace)."""

    id: str
    command_name: str
    command_status: CommandStatus
    command_error: Any = None
    """A ``CommandError``, or ``{"error": text}``; decoded: a dictionary with the same keys, or ``None``."""
    command_result: Any = None
    progress: Progress | None = None
    stoppable: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether it can be asked to stop now; only while it runs, and only from agents that know of it."""


class CommandList(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``GET /v1/commands/``: all commands of this boot, oldest first."""

    commands: list[CommandResult]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Error body of the agent API."""

    faultcode: str
    faultstring: str


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``GET /v1/status``; ``started_at`` in seconds since the epoch."""

    started_at: float
    version: str
