"""Every error the controller raises on purpose; ``api/errors.py`` alone turns them into HTTP bodies.

A message says what failed, on what, why, and what to do next. It never contains a password or a token.
"""

from collections.abc import Sequence
from http import HTTPStatus

from controller.signed_certificate import Signed


class ControllerError(Exception):
    """Base of all controller errors; ``status`` is the HTTP status when it reaches a client."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR


class TemporaryError(ControllerError):
    """Trying again after ``delay_s`` seconds may help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str, *, delay_s: float = 5.0) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class Invalid(ControllerError):
    """A request, patch, setting or document is malformed."""

    status = HTTPStatus.BAD_REQUEST


class InvalidStateRequested(Invalid):
    """The verb is not possible in the node's provision state."""


class Forbidden(ControllerError):
    """The node is protected, or the feature is switched off."""

    status = HTTPStatus.FORBIDDEN


class NodeProtected(ControllerError):
    """The node is protected from being deleted or rebuilt."""

    status = HTTPStatus.FORBIDDEN


class NotFound(ControllerError):
    """There is no such node, port, driver or file."""

    status = HTTPStatus.NOT_FOUND


class NotAcceptable(ControllerError):
    """The requested microversion, or a field of a newer one, cannot be served."""

    status = HTTPStatus.NOT_ACCEPTABLE


class Conflict(ControllerError):
    """The node is busy, or a name or MAC address is taken."""

    status = HTTPStatus.CONFLICT


class NodeLocked(Conflict):
    """A worker holds the node and the request cannot wait."""


class LimitReached(TemporaryError):
    """So much goes on already that no more is begun."""

    def __init__(self, message: str, *, delay_s: float = 30.0) -> None:
        super().__init__(message, delay_s=delay_s)


class BmcError(ControllerError):
    """A BMC said no, or said nonsense; the message names address and operation."""

    status = HTTPStatus.BAD_GATEWAY


class BmcUnreachable(BmcError, TemporaryError):
    """A BMC did not answer before the deadline."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class AlreadySo(BmcError):
    """A BMC refused to switch a machine on, or off, and its answer means that the machine is so already.

    A BMC that cannot, may not, or failed raises another error: the machine may be as it was.
    """


class NobodySwitchesOff(BmcError):
    """A machine without a BMC is on as far as is known, and no agent runs there that could switch it off."""


class NoDriveLeft(BmcError):
    """A BMC has no virtual drive beside those that are in use."""


class BmcAuthenticationFailed(BmcError):
    """A BMC refused the user name or the password."""


class ProgramFailed(ControllerError):
    """A program of this machine cannot be started, or misbehaved; who started it says on whose behalf."""


class ProgramLate(ProgramFailed, TemporaryError):
    """A program did not end in time and was ended."""


class SwitchError(ControllerError):
    """A switch said no, or said nonsense; the message names switch, port and what it answered."""

    status = HTTPStatus.BAD_GATEWAY


class SwitchUnreachable(SwitchError, TemporaryError):
    """A switch did not answer before the deadline."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class SwitchBusy(SwitchUnreachable):
    """Others are at the switch; nothing was asked of it."""


class AgentUnreachable(TemporaryError):
    """The agent did not answer; it may be rebooting."""


class AgentRefused(ControllerError):
    """The agent answered with an error; the message carries its words."""


class StepFailed(ControllerError):
    """A clean or deploy step failed on the agent; the message carries what the agent said.

    ``certificates`` are what it leaves for the record all the same: of disks that were erased and of those that were not.
    """

    def __init__(self, message: str, *, certificates: Sequence[Signed] = ()) -> None:
        super().__init__(message)
        self.certificates = tuple(certificates)


class StepUnfinished(StepFailed):
    """The end of a step has not been seen: the machine may still be at it."""


class ClaimLost(ControllerError):
    """What a thread is at has been taken away from it: nothing may be ordered any more, and nothing of it is stored."""


class SettingsError(ControllerError):
    """The settings contradict each other or are unsafe; the program does not start."""


class DatabaseUnusable(SettingsError):
    """The database cannot be opened, or is not one that this version can work with; the program does not start."""


class SecretsUnreadable(ControllerError):
    """The key of a secret in the database is not there, or the secret was damaged."""
