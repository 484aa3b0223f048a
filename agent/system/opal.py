"""The kernel's door to self-encrypting drives of the TCG Opal family (Linux, ``include/uapi/linux/sed-opal.h``)."""

import errno
import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from agent.errors import EraseError

_GET_STATUS = 0x800870EC
"""``_IOR('p', 236, struct opal_status)``."""
_PSID_REVERT = 0x410870E8
"""``_IOW('p', 232, struct opal_key)``."""
_STATUS = struct.Struct("=II")
_KEY = struct.Struct("=BB6x256s")
LONGEST_PSID = 255
_NOT_SUPPORTED = 524
"""ENOTSUPP, which the kernel gives to programs here though it has no name for them."""
_NO_OPAL = frozenset(
    {errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP, errno.ENODEV, errno.EIO, _NOT_SUPPORTED}
)
_REFUSALS = {
    0x01: "the drive does not take this PSID: compare it with the drive's label, letter by letter",
    0x03: "the drive is busy with another session; try again in a minute",
    0x0F: "the drive's security subsystem reports a malfunction; replace it",
    0x12: "the drive takes no PSID any more, as too many wrong ones were tried: cut its power and try again",
}
"""Method status codes: TCG Storage Architecture Core Specification 2.01, table 166."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpalStatus:
    """What a drive says of itself (its Locking feature descriptor)."""

    is_locking_enabled: bool
    """Somebody has taken the drive into possession: its Locking SP is active, and its keys are in use."""
    is_locked: bool

    def summary(self) -> str:
        """Return it in words."""
        words = "enabled" if self.is_locking_enabled else "not enabled"
        return f"TCG Opal: locking {words}, {'locked' if self.is_locked else 'not locked'}"


def opal_status(path: Path) -> OpalStatus | None:
    """Ask a drive; ``None`` = it is none of this family, or the kernel cannot talk to it.

    Raises:
        EraseError: The drive cannot be opened or asked.
    """
    answer = bytearray(_STATUS.size)
    try:
        _order(path, _GET_STATUS, answer)
    except OSError as error:
        if error.errno in _NO_OPAL:
            return None
        raise EraseError(f"{path}: TCG Opal status: {error.strerror}") from error
    flags, _ = _STATUS.unpack(answer)
    if not flags & 0x1:
        return None
    return OpalStatus(is_locking_enabled=bool(flags & 0x4), is_locked=bool(flags & 0x8))


def revert_by_psid(path: Path, psid: str) -> None:
    """Give a drive back the state of its delivery; its keys are made anew, so that what is on it cannot be read again.

    Args:
        path: The whole drive.
        psid: What stands on its label; 1 to ``LONGEST_PSID`` ASCII characters. It is repeated nowhere.

    Raises:
        EraseError: The drive or the kernel refused.
    """
    key = psid.encode("ascii", errors="replace")
    if not 1 <= len(key) <= LONGEST_PSID:
        raise EraseError(f"{path}: a PSID has 1 to {LONGEST_PSID} characters, this one {len(key)}")
    try:
        status = _order(path, _PSID_REVERT, bytearray(_KEY.pack(0, len(key), key)))
    except OSError as error:
        unnamed = error.errno == _NOT_SUPPORTED
        reason = "not supported" if unnamed else os.strerror(error.errno or 0)
        raise EraseError(f"{path}: TCG Opal revert by PSID: {reason}") from error
    if status:
        reason = _REFUSALS.get(status, "the drive gives no other reason")
        raise EraseError(f"{path}: TCG Opal revert by PSID: status {status:#x}: {reason}")


def _order(path: Path, request: int, argument: bytearray) -> int:
    """Return what the kernel returned: 0, or the drive's status code."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        returned: int = fcntl.ioctl(descriptor, request, argument)
    finally:
        os.close(descriptor)
    return returned
