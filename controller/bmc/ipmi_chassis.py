"""Chassis commands of IPMI 2.0 over any transport: what is sent, what the answers mean.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: section 28.2 (Get
Chassis Status), 28.3 (Chassis Control), 28.12 and 28.13 (Set/Get System Boot Options, table 28-14).
"""

import logging
import time
from collections.abc import Sequence
from typing import Protocol

from controller.bmc.ipmi_target import IpmiTarget
from controller.errors import BmcError
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState

log = logging.getLogger(__name__)

_NETFN_CHASSIS = 0x00
_GET_STATUS, _CONTROL, _SET_BOOT_OPTIONS, _GET_BOOT_OPTIONS = 0x01, 0x02, 0x08, 0x09
_POWER_DOWN, _POWER_UP, _HARD_RESET, _INTERRUPT, _SOFT_SHUTDOWN = 0, 1, 3, 4, 5
_PARAMETER_VALID_BIT_CLEARING = 3
_KEEP_ON_TIMEOUT = 0x08  # do not clear the boot flags when no reset comes within 60 s
_PARAMETER_BOOT_FLAGS = 5
_FLAGS_VALID, _FLAGS_PERSISTENT, _FLAGS_UEFI = 0x80, 0x40, 0x20
_PARAMETER_INVALID = 0x80
_STATUS_POWER_ON = 0x01
_BUSY = 0xC0
_BUSY_PAUSE_S = 0.5
_DEVICES = {
    BootDevice.PXE: 1,
    BootDevice.DISK: 2,
    BootDevice.SAFE: 3,
    BootDevice.CDROM: 5,
    BootDevice.BIOS: 6,
}
_DEVICES_BY_CODE = {code: device for device, code in _DEVICES.items()}
_COMPLETION_CODES = {
    0x80: "parameter not supported",
    0xC0: "BMC busy",
    0xC1: "command not supported",
    0xC3: "BMC timed out",
    0xC7: "request has the wrong length",
    0xC9: "parameter out of range",
    0xCC: "invalid data in the request",
    0xD2: "BMC is updating its firmware or starting",
    0xD4: "privilege level too low",
    0xD5: "not possible in the machine's present state",
    0xFF: "unspecified error",
}
"""Completion codes that BMCs answer to these commands (table 5-2 and 28.12)."""


class Transport(Protocol):
    """Carries one IPMI request to one BMC; calls do not overlap."""

    def raw(
        self, netfn: int, command: int, data: Sequence[int], *, timeout_s: float, what: str
    ) -> tuple[int, bytes]:
        """Return completion code and data of the answer.

        Args:
            netfn: Network function of the request, even.
            command: Command number.
            data: Request bytes.
            timeout_s: Deadline, waiting for other calls to the same BMC included.
            what: The operation, for messages.

        Raises:
            BmcUnreachable: No answer before the deadline.
            BmcAuthenticationFailed: The BMC refused user name or password.
            BmcError: The session failed in another way.
        """


class IpmiBmc:
    """A ``Bmc`` that speaks IPMI over a transport."""

    def __init__(self, target: IpmiTarget, transport: Transport) -> None:
        self._target = target
        self._transport = transport

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask for the power state."""
        data = self._ask(_GET_STATUS, (), timeout_s, "get power state")
        if not data:
            raise BmcError(
                f"BMC {self._target.where}: empty answer to the power state; update its firmware"
            )
        return PowerState.ON if data[0] & _STATUS_POWER_ON else PowerState.OFF

    def power_on(self, *, timeout_s: float) -> None:
        """Tell the BMC to power on."""
        self._ask(_CONTROL, (_POWER_UP,), timeout_s, "power on")

    def power_off(self, *, timeout_s: float) -> None:
        """Cut the power."""
        self._ask(_CONTROL, (_POWER_DOWN,), timeout_s, "power off")

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Ask the operating system to shut down."""
        self._ask(_CONTROL, (_SOFT_SHUTDOWN,), timeout_s, "soft power off")

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""
        self._ask(_CONTROL, (_HARD_RESET,), timeout_s, "reset")

    def inject_nmi(self, *, timeout_s: float) -> None:
        """Pulse the diagnostic interrupt (28.3, control 4)."""
        self._ask(_CONTROL, (_INTERRUPT,), timeout_s, "inject NMI")

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot device override."""
        data = self._ask(
            _GET_BOOT_OPTIONS, (_PARAMETER_BOOT_FLAGS, 0, 0), timeout_s, "get boot device"
        )
        return decode_boot_flags(data)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot device override; first tell the BMC to keep it for longer than 60 s, as Ironic does."""
        end = time.monotonic() + timeout_s
        if self._target.disables_boot_timeout:
            self._keep_boot_device(timeout_s)
        request = encode_boot_flags(device, mode=mode, persistent=persistent)
        remaining_s = max(end - time.monotonic(), 0.0)
        self._ask(_SET_BOOT_OPTIONS, request, remaining_s, f"set boot device {device}")

    def _keep_boot_device(self, timeout_s: float) -> None:
        """Set parameter 3; many BMCs lack it, and the boot device works without."""
        code, _data = self._transport.raw(
            _NETFN_CHASSIS,
            _SET_BOOT_OPTIONS,
            (_PARAMETER_VALID_BIT_CLEARING, _KEEP_ON_TIMEOUT),
            timeout_s=timeout_s,
            what="disable boot device timeout",
        )
        if code:
            log.info(
                "BMC cannot disable the 60 s boot device timeout",
                extra={"bmc": self._target.where, "answer": completion_text(code)},
            )

    def _ask(self, command: int, data: Sequence[int], timeout_s: float, what: str) -> bytes:
        end = time.monotonic() + timeout_s
        while True:
            remaining_s = max(end - time.monotonic(), 0.0)
            code, answer = self._transport.raw(
                _NETFN_CHASSIS, command, data, timeout_s=remaining_s, what=what
            )
            if code != _BUSY or time.monotonic() + _BUSY_PAUSE_S >= end:
                break
            time.sleep(_BUSY_PAUSE_S)
        if code:
            message = (
                f"BMC {self._target.where}: {what} refused: {completion_text(code)}{_advice(code)}"
            )
            raise BmcError(message)
        return answer


def encode_boot_flags(device: BootDevice, *, mode: BootMode, persistent: bool) -> tuple[int, ...]:
    """Return the request of Set System Boot Options for parameter 5 (table 28-14)."""
    flags = _FLAGS_VALID
    if persistent:
        flags |= _FLAGS_PERSISTENT
    if mode is BootMode.UEFI:
        flags |= _FLAGS_UEFI
    return (_PARAMETER_BOOT_FLAGS, flags, _DEVICES[device] << 2, 0, 0, 0)


def decode_boot_flags(answer: bytes) -> BootOverride:
    """Read the answer of Get System Boot Options for parameter 5.

    Returns:
        The override; ``device`` is ``None`` when the flags are marked invalid, clear, or name a device unknown here.
    """
    _version, parameter, flags, device = (*answer[:4], 0, 0, 0, 0)[:4]
    if parameter & _PARAMETER_INVALID or not flags & _FLAGS_VALID:
        return BootOverride(device=None, is_persistent=None)
    return BootOverride(
        device=_DEVICES_BY_CODE.get((device >> 2) & 0x0F),
        is_persistent=bool(flags & _FLAGS_PERSISTENT),
    )


def completion_text(code: int) -> str:
    """Return what a completion code means, with its number."""
    return f"{_COMPLETION_CODES.get(code, 'completion code')} (0x{code:02x})"


def _advice(code: int) -> str:
    match code:
        case 0xD4:
            return "; give the user a higher privilege on the BMC or set ipmi_priv_level"
        case 0xC0 | 0xC3 | 0xD2:
            return "; try again in a minute"
        case _:
            return ""
