"""Every error the agent raises on purpose.

Two axes only: whether trying again can help (:class:`TemporaryError`), and the number that the Ironic protocol wants in
``command_error.code`` or as HTTP status (``status``). A message says what failed, on what, why, and what to do next.
"""

from http import HTTPStatus
from typing import Any


class AgentError(Exception):
    """Base of all agent errors; ``status`` is the HTTP status or ``command_error.code``.

    ``result`` is what the controller shall learn all the same, such as which disks were erased before one was not; ``None`` = nothing.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, *args: object, result: Any = None) -> None:
        super().__init__(*args)
        self.result = result


class TemporaryError(AgentError):
    """Trying again after ``delay_s`` seconds may help."""

    def __init__(self, message: str, *, delay_s: float = 5.0) -> None:
        super().__init__(message)
        self.delay_s = delay_s


class InvalidRequest(AgentError):
    """The caller sent something malformed: bad JSON, an unknown command of a known namespace, a bad parameter."""

    status = HTTPStatus.BAD_REQUEST


class NotFound(AgentError):
    """The command, namespace or device that was named does not exist."""

    status = HTTPStatus.NOT_FOUND


class Unauthorized(AgentError):
    """The agent token is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED


class AgentBusy(AgentError):
    """Another command is running; one at a time."""

    status = HTTPStatus.CONFLICT


class VersionMismatch(AgentError):
    """The hardware managers changed since the controller fetched the steps."""

    status = HTTPStatus.CONFLICT


class CommandFailed(AgentError):
    """A program that was run ended with an exit status that was not expected, or ran out of time."""


class NoSuitableDisk(AgentError):
    """No disk matches the root device hints, or none is large enough."""

    status = HTTPStatus.NOT_FOUND


class DiskInUse(AgentError):
    """The disk is mounted, protected or held by another device."""


class DiskError(AgentError):
    """The disk refused to be opened, read, written or flushed."""


class ExportError(AgentError):
    """A disk could not be offered over iSCSI, or that could not be ended."""


class ImageError(AgentError):
    """The image is unusable: wrong checksum, wrong format, truncated, too large."""


class LayoutDoesNotFit(AgentError):
    """The wanted partitions do not fit on the disk, or not into its kind of partition table."""


class ImageDownloadError(AgentError):
    """The image could not be fetched."""


class ConfigDriveError(AgentError):
    """The config drive is malformed, too large, or does not fit on the disk."""


class BootloaderError(AgentError):
    """The firmware could not be told to boot the deployed system."""


class BurninFailed(AgentError):
    """A burn-in found a fault, or could not be carried out."""


class FirmwareError(AgentError):
    """Firmware was not updated as asked, or its state cannot be read."""


class EraseError(AgentError):
    """A disk was not erased as asked."""


class RaidError(AgentError):
    """An array was not made, removed or started as it was asked; the message says what stands now."""


class SettingError(AgentError):
    """A kernel argument, a line of the settings file or a flag has a value that cannot be used."""

    status = HTTPStatus.BAD_REQUEST


class ControllerUnreachable(AgentError):
    """No controller answered at any of its addresses; ``may_have_arrived``: one may have taken the request all the same."""

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class ControllerRefused(AgentError):
    """The controller answered, but not with success; ``answered`` is its HTTP status."""

    def __init__(self, message: str, *, answered: int) -> None:
        super().__init__(message)
        self.answered = answered


class LookupFailed(AgentError):
    """The controller does not know this machine or could not be reached in time."""


class Declined(AgentError):
    """A hardware manager leaves this to the next one; raised before anything was changed, the message says why."""


class CannotStop(AgentError):
    """A command that was asked to stop has ended, or cannot be stopped where it is."""

    status = HTTPStatus.CONFLICT


class Stopped(AgentError):
    """The command was asked to stop, and its work ended where it safely could."""


class PluginError(AgentError):
    """A hardware manager could not be loaded, or two contradict each other."""


class RescueError(AgentError):
    """The ramdisk could not be opened to the person who rescues the machine."""


class FileSystemError(AgentError):
    """A file system of the written disk could not be mounted, or a file in it not be reached, read or changed."""


class KexecNotPossible(AgentError):
    """The deployed system cannot be started without the machine's firmware; nothing was changed, an ordinary reboot starts it."""
