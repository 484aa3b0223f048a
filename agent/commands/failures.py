"""What an exception of a command becomes on the wire."""

import logging
import traceback
from http import HTTPStatus

from agent.errors import AgentError, Stopped
from agent.protocol.commands import COMMAND_STOPPED, CommandError
from agent.protocol.foreign_text import clean_text

log = logging.getLogger(__name__)

_MOST_CHARS = 16_000
"""Of the reason; it may quote what a program printed, in whatever bytes."""


def describe_failure(error: BaseException, command: str) -> CommandError:
    """Return ``error`` as ``command_error``; Ironic's conductor shows ``details`` to its users.

    An exception that nobody raised on purpose is a bug: it is logged with its traceback and says where it happened.
    """
    if isinstance(error, AgentError):
        details, code = str(error), int(error.status)
    else:
        log.error("a bug in the agent or a hardware manager", exc_info=error)
        details, code = _describe_bug(error), int(HTTPStatus.INTERNAL_SERVER_ERROR)
    details = clean_text(details, _MOST_CHARS)
    if isinstance(error, Stopped):
        return CommandError(
            type=COMMAND_STOPPED, code=code, message=f"{command} was stopped", details=details
        )
    return CommandError(
        type=type(error).__name__, code=code, message=f"{command} failed", details=details
    )


def _describe_bug(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return (
        f"unexpected {type(error).__name__}: {error}{where}; this is a bug in the agent or a hardware manager; "
        "the traceback is in the agent's log"
    )
