"""Requests to one IPMI controller over any transport: asked again while it is busy, refusals in words that say what to do.

Completion codes are those of "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1, table 5-2.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from controller.bmc.ipmi_target import IpmiTarget
from controller.errors import BmcError

_BUSY = 0xC0
_BUSY_PAUSE_S = 0.5
_COMPLETION_CODES = {
    0x80: "parameter not supported",
    0x81: "it is busy erasing",
    0xC0: "BMC busy",
    0xC1: "command not supported",
    0xC3: "BMC timed out",
    0xC5: "reservation lost",
    0xC7: "request has the wrong length",
    0xC9: "parameter out of range",
    0xCB: "there is no such sensor or record",
    0xCC: "invalid data in the request",
    0xCD: "command not possible for this sensor or record",
    0xD2: "BMC is updating its firmware or starting",
    0xD4: "privilege level too low",
    0xD5: "not possible in the machine's present state",
    0xFF: "unspecified error",
}


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


class IpmiCalls:
    """One task of several requests with one deadline."""

    def __init__(
        self, target: IpmiTarget, transport: Transport, *, what: str, timeout_s: float
    ) -> None:
        """Ask nothing yet; ``what`` names the task in errors, everything ends in ``timeout_s``."""
        self.target = target
        self._transport = transport
        self._what = what
        self._ends_at = time.monotonic() + timeout_s

    def raw(self, netfn: int, command: int, data: Sequence[int] = ()) -> tuple[int, bytes]:
        """Return completion code and data, asking again while the BMC is busy and time is left; raises as ``Transport``."""
        while True:
            left_s = max(self._ends_at - time.monotonic(), 0.0)
            code, answer = self._transport.raw(
                netfn, command, data, timeout_s=left_s, what=self._what
            )
            if code != _BUSY or time.monotonic() + _BUSY_PAUSE_S >= self._ends_at:
                return code, answer
            time.sleep(_BUSY_PAUSE_S)

    def ask(
        self, netfn: int, command: int, data: Sequence[int] = (), *, least_bytes: int = 0
    ) -> bytes:
        """Return the data of an answer that says yes.

        Raises:
            BmcError: It says no, or is shorter than ``least_bytes``; further as ``Transport``.
        """
        code, answer = self.raw(netfn, command, data)
        if code:
            raise self.refused(code)
        if len(answer) < least_bytes:
            kind = "empty" if not answer else "short"
            raise BmcError(
                f"BMC {self.target.where}: {kind} answer to {self._what}; update its firmware"
            )
        return answer

    def refused(self, code: int, advice: str = "") -> BmcError:
        """Return the error of an answer that says no; ``advice`` = what is known besides."""
        return self.refusal(f"refused: {completion_text(code)}{advice or _advice(code)}")

    def refusal(self, why: str) -> BmcError:
        """Return the error of this task."""
        return BmcError(f"BMC {self.target.where}: {self._what} {why}")

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._ends_at


def completion_text(code: int) -> str:
    """Return what a completion code means, with its number."""
    return f"{_COMPLETION_CODES.get(code, 'completion code')} (0x{code:02x})"


def _advice(code: int) -> str:
    match code:
        case 0xD4:
            return "; give the user a higher privilege on the BMC or set ipmi_priv_level"
        case 0xC1:
            return "; this BMC does not have that"
        case 0xC0 | 0xC3 | 0xD2:
            return "; try again in a minute"
        case _:
            return ""
