"""``ironic_python_agent.errors`` and ``.exceptions``: the names that plug-ins raise and catch, with the arguments that they give."""

from typing import Any


class RESTError(Exception):
    """Base of all; ``details`` is the text of the one case, ``status_code`` HTTP's."""

    message = "An error occurred"
    details: str = "no details were given"
    status_code = 500

    def __init__(self, details: Any = None, *args: Any) -> None:
        super().__init__(*args)
        self.type = type(self).__name__
        self.code = self.status_code
        if details:
            self.details = str(details)

    def __str__(self) -> str:
        return f"{self.message}: {self.details}"


class InvalidContentError(RESTError):
    """What was sent cannot be used."""

    message = "Invalid request body"
    status_code = 400


class InvalidCommandParamsError(InvalidContentError):
    """A parameter cannot be used."""

    message = "Invalid command parameters"


class NotFound(RESTError):
    """Something that was named does not exist."""

    message = "Not found"
    status_code = 404


class DeviceNotFound(NotFound):
    """No such disk or partition."""

    message = "Device not found"


class CommandExecutionError(RESTError):
    """A command failed."""

    message = "Command execution failed"


class BlockDeviceError(RESTError):
    """A disk cannot be used."""

    message = "Block device error"


class BlockDeviceEraseError(RESTError):
    """A disk was not erased."""

    message = "Error erasing block device"


class SoftwareRAIDError(RESTError):
    """A RAID array was not made."""

    message = "Software RAID error"


class SystemRebootError(RESTError):
    """The machine was not restarted."""

    message = "Error rebooting system"

    def __init__(self, exit_code: Any = None, stdout: Any = "", stderr: Any = "") -> None:
        super().__init__(f"exit status {exit_code}; stdout: {stdout}; stderr: {stderr}")


class HardwareManagerNotFound(RESTError):
    """No manager is loaded."""

    message = "No hardware manager found"


class HardwareManagerMethodNotFound(RESTError):
    """No manager has the method."""

    message = "No hardware manager has the method"

    def __init__(self, method: str) -> None:
        super().__init__(f"no hardware manager answered to {method}")


class HardwareManagerConfigurationError(RESTError):
    """A manager is configured wrongly: nobody else is asked."""

    message = "Hardware manager configuration error"


class IncompatibleHardwareMethodError(RESTError):
    """Not for this hardware: the next manager is asked."""

    message = "Not offered for this hardware"


class CleaningError(RESTError):
    """A clean step failed."""

    message = "Clean step failed"


class DeploymentError(RESTError):
    """A deploy step failed."""

    message = "Deploy step failed"


class ServicingError(RESTError):
    """A service step failed."""

    message = "Service step failed"


class InspectionError(Exception):
    """The inspection failed."""


class ProtectedDeviceError(CleaningError):
    """A disk carries what other machines share."""

    message = "Protected device"

    def __init__(self, device: Any, what: Any) -> None:
        super().__init__(f"{device} carries a protected {what}; detach it, or allow its erasure")
