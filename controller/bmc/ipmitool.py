"""The second IPMI driver: the program ``ipmitool``, one process per request.

For BMCs that pyghmi cannot talk to, for other cipher suites than 3 and 17, for IPMI 1.5 and for bridging. Chosen with ``power_interface`` and ``management_interface``
``ipmitool-cli``, or by ``ipmi.py`` where nothing else will do. The password goes by environment, never as an argument.
"""

import re
import threading
import time
from collections.abc import Sequence
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.bmc import programs
from controller.bmc.ipmi_chassis import IpmiBmc, IpmiMemory
from controller.bmc.ipmi_logins import RefusedLogins, waits
from controller.bmc.ipmi_target import PROPERTIES, IpmiTarget, parse_target, warn_of_unknown_keys
from controller.bmc.kept import Kept
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.hardware.interface import Facts
from controller.peers.programs import Finished, is_installed

_COMPLETION_CODE = re.compile(r"rsp=0x([0-9a-fA-F]{1,2})")
_REFUSALS = (
    "unauthorized name",
    "HMAC is invalid",
    "Key exchange authentication code is invalid",
    "insufficient privilege",
    "Invalid role",
    "requested role",
    "no response from RAKP",
    "Password",
    "Activate Session error",
)
"""Words of ``ipmitool -v`` that mean user name, password, Kg or privilege level."""
_SILENT_BEFORE_PROOF = "no response from RAKP 1"
"""The BMC was silent before it could count a wrong password."""
_WRONG_SUITE = ("matching cipher suite", "is not what we requested")
_UNKNOWN_HOST = "Address lookup for"
_PROGRAM = "ipmitool"
_RETRY_WAIT_S = 1
_RETRIES = 3


class IpmitoolDriver:
    """Makes BMCs that are reached by ``ipmitool``."""

    def __init__(self, logins: RefusedLogins | None = None) -> None:
        """Start nothing; ``logins`` = what was refused."""
        self.properties = dict(PROPERTIES)
        self._logins = logins or RefusedLogins()
        self._memory = IpmiMemory()
        self._locks: Kept[tuple[str, int], threading.Lock] = Kept()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        self.check(facts.driver_info)

    def check(self, driver_info: dict[str, Any]) -> None:
        """Raise ``Invalid`` naming the missing or malformed ``driver_info`` key and an example."""
        _parse(driver_info)
        warn_of_unknown_keys(driver_info)

    def connect(self, driver_info: dict[str, Any]) -> IpmiBmc:
        """Return the BMC that ``driver_info`` describes; starts nothing yet.

        Raises:
            Invalid: As :meth:`check`.
        """
        target = _parse(driver_info)
        lock = self._locks.get_or_make((target.address, target.port), threading.Lock)
        return IpmiBmc(target, _ProgramTransport(target, lock, self._logins), self._memory)


class _ProgramTransport:
    """Carries requests to one BMC as ``ipmitool raw``."""

    def __init__(self, target: IpmiTarget, lock: threading.Lock, logins: RefusedLogins) -> None:
        self._target = target
        self._lock = lock
        self._logins = logins

    def raw(
        self, netfn: int, command: int, data: Sequence[int], *, timeout_s: float, what: str
    ) -> tuple[int, bytes]:
        """Send one request; see ``Transport``."""
        started = time.monotonic()
        if not self._lock.acquire(timeout=timeout_s):
            message = f"BMC {self._target.where}: {what} did not start within {timeout_s:.0f} s: the BMC is busy with an earlier command; try again"
            raise BmcUnreachable(message)
        try:
            self._logins.check(self._target, what)
            remaining_s = max(timeout_s - (time.monotonic() - started), 0.01)
            done = programs.run(
                arguments(self._target, (netfn, command, *data)),
                environment=secrets(self._target),
                timeout_s=remaining_s,
            )
            held_s = self._note_login(done)
        except BmcUnreachable as error:
            raise BmcUnreachable(_silence(self._target, what, timeout_s)) from error
        finally:
            self._lock.release()
        if done.exit_code == 0:
            return 0, read_bytes(done.output)
        if code := _COMPLETION_CODE.search(done.errors):
            return int(code[1], 16), b""
        raise classify(self._target, done, what, time.monotonic() - started, held_s)

    def _note_login(self, done: Finished) -> float:
        """Note whether the login was refused; return for how many seconds it is not tried again, 0 = it may be."""
        if done.exit_code == 0 or _COMPLETION_CODE.search(done.errors):
            self._logins.accepted(self._target)
        elif _is_refusal(done) and _SILENT_BEFORE_PROOF not in done.errors:
            return self._logins.refused(self._target)
        return 0.0


def arguments(target: IpmiTarget, request: Sequence[int]) -> list[str]:
    """Return the command line for a raw request; it holds no secret."""
    suite = [] if target.cipher_suite is None else ["-C", str(target.cipher_suite)]
    return [
        _PROGRAM,
        "-v",
        *("-I", "lan" if target.protocol_version == "1.5" else "lanplus"),
        *("-H", target.address),
        *("-p", str(target.port)),
        *("-U", target.username),
        *("-L", target.privilege),
        *suite,
        *_bridge_words(target),
        *("-N", str(_RETRY_WAIT_S)),
        *("-R", str(_RETRIES)),
        "-E",
        *(["-K"] if target.kg else []),
        "raw",
        *(f"0x{byte:02x}" for byte in request),
    ]


def _bridge_words(target: IpmiTarget) -> list[str]:
    bridge = target.bridge
    if bridge is None:
        return []
    words = ["-m", f"0x{bridge.local_address:02x}"]
    if bridge.transit:
        channel, address = bridge.transit
        words += ["-B", str(channel), "-T", f"0x{address:02x}"]
    return [*words, "-b", str(bridge.target_channel), "-t", f"0x{bridge.target_address:02x}"]


def secrets(target: IpmiTarget) -> dict[str, bytes]:
    """Return what ``-E`` and ``-K`` read from the environment."""
    kg = {"IPMI_KGKEY": target.kg} if target.kg else {}
    return {"IPMI_PASSWORD": target.password.encode(), **kg}


def read_bytes(output: str) -> bytes:
    """Return the bytes that ``ipmitool raw`` printed, 16 to a line; with ``-v`` there are lines of words too."""
    lines = [line for line in output.splitlines() if re.fullmatch(r"( [0-9a-f]{2})+ ?", line)]
    return bytes.fromhex("".join(lines))


def classify(
    target: IpmiTarget, done: Finished, what: str, waited_s: float, held_s: float = 0.0
) -> BmcError:
    """Return the error that the words of ``ipmitool -v`` stand for; it ended without an answer of the BMC."""
    words, begin = done.errors, f"BMC {target.where}: {what}"
    if _is_refusal(done):
        return BmcAuthenticationFailed(
            f"{begin}: login of user {target.username!r} refused; "
            f"check ipmi_username, ipmi_password and ipmi_priv_level in driver_info{waits(held_s) if held_s else ''}"
        )
    if any(mark in words for mark in _WRONG_SUITE):
        return BmcError(
            f"{begin}: the BMC does not offer the cipher suite; set or remove ipmi_cipher_suite"
        )
    if _UNKNOWN_HOST in words:
        return BmcError(
            f"{begin}: the host name is not known; check ipmi_address and the name server"
        )
    if "Unable to establish" in words or "No response" in words:
        return BmcUnreachable(_silence(target, what, waited_s))
    last_line = (words.strip().splitlines() or ["no words"])[-1]
    return BmcError(f"{begin}: ipmitool ended with {done.exit_code}: {clean_line(last_line, 200)}")


def _is_refusal(done: Finished) -> bool:
    return any(mark in done.errors for mark in _REFUSALS)


def _silence(target: IpmiTarget, what: str, waited_s: float) -> str:
    return (
        f"BMC {target.where}: {what}: no answer within {waited_s:.1f} s; check the address, the port and the firewall, "
        "and that IPMI over LAN is enabled on the BMC"
    )


def _parse(driver_info: dict[str, Any]) -> IpmiTarget:
    target = parse_target(driver_info)
    if target.kg and b"\0" in target.kg:
        message = (
            "driver_info/ipmi_hex_kg_key has a zero byte in it, which ipmitool cannot take without showing the key "
            "to every user of this machine; use cipher suite 3 or 17 and the power_interface pyghmi"
        )
        raise Invalid(message)
    if not is_installed(_PROGRAM):
        raise Invalid(
            f"the program {_PROGRAM} is needed for this node's BMC and is not installed on the controller's machine; install"
            " the package ipmitool, or use IPMI 2.0 with cipher suite 3 or 17 and without bridging"
        )
    return target
