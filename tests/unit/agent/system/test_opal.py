import errno
import fcntl
import struct
from pathlib import Path
from typing import Any

import pytest

from agent.errors import EraseError
from agent.system.opal import OpalStatus, opal_status, revert_by_psid

PSID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class Kernel:
    """Answers as ``block/sed-opal.c`` does: an error, a drive's status code, or a filled structure."""

    def __init__(self, answer: OSError | int = 0, flags: int = 0) -> None:
        self.answer, self.flags = answer, flags
        self.asked: list[tuple[int, bytes]] = []

    def __call__(self, _descriptor: int, request: int, argument: bytearray) -> int:
        self.asked.append((request, bytes(argument)))
        if isinstance(self.answer, OSError):
            raise self.answer
        if len(argument) == 8:
            argument[:4] = struct.pack("=I", self.flags)
        return self.answer


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    path = tmp_path / "drive"
    path.touch()
    return path


def put(monkeypatch: pytest.MonkeyPatch, kernel: Any) -> None:
    monkeypatch.setattr(fcntl, "ioctl", kernel)


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        (0x0, None),
        (0x2, None),
        (0x3, OpalStatus(is_locking_enabled=False, is_locked=False)),
        (0x7, OpalStatus(is_locking_enabled=True, is_locked=False)),
        (0x3F, OpalStatus(is_locking_enabled=True, is_locked=True)),
    ],
)
def test_the_kernels_flags_are_understood(
    monkeypatch: pytest.MonkeyPatch, drive: Path, flags: int, status: OpalStatus | None
) -> None:
    put(monkeypatch, Kernel(flags=flags))
    assert opal_status(drive) == status


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EOPNOTSUPP, 524, errno.EINVAL])
def test_a_disk_of_another_kind_is_none(
    monkeypatch: pytest.MonkeyPatch, drive: Path, number: int
) -> None:
    put(monkeypatch, Kernel(OSError(number, "")))
    assert opal_status(drive) is None


def test_a_file_is_no_drive(drive: Path) -> None:
    assert opal_status(drive) is None
    with pytest.raises(EraseError, match="revert by PSID: Inappropriate ioctl"):
        revert_by_psid(drive, PSID)


def test_a_status_that_may_not_be_asked_for_is_an_error(
    monkeypatch: pytest.MonkeyPatch, drive: Path
) -> None:
    put(monkeypatch, Kernel(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(EraseError, match="Permission denied"):
        opal_status(drive)


def test_the_psid_is_given_as_the_kernels_structure_has_it(
    monkeypatch: pytest.MonkeyPatch, drive: Path
) -> None:
    kernel = Kernel()
    put(monkeypatch, kernel)
    revert_by_psid(drive, PSID)
    ((request, argument),) = kernel.asked
    assert request >> 16 & 0x3FFF == len(argument) == 264
    assert argument[:2] == bytes([0, 32])
    assert argument[8:] == PSID.encode().ljust(256, b"\0")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (0x01, "does not take this PSID"),
        (0x12, "too many wrong ones"),
        (0x3F, "status 0x3f: the drive gives no other reason"),
        (OSError(errno.EIO, ""), "Input/output error"),
        (OSError(524, ""), "not supported"),
    ],
)
def test_refusals_say_why_and_never_the_psid(
    monkeypatch: pytest.MonkeyPatch, drive: Path, answer: OSError | int, words: str
) -> None:
    put(monkeypatch, Kernel(answer))
    with pytest.raises(EraseError, match=words) as caught:
        revert_by_psid(drive, PSID)
    assert PSID not in str(caught.value)


@pytest.mark.parametrize("psid", ["", "x" * 256])
def test_a_psid_of_no_possible_length_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, drive: Path, psid: str
) -> None:
    kernel = Kernel()
    put(monkeypatch, kernel)
    with pytest.raises(EraseError, match="1 to 255"):
        revert_by_psid(drive, psid)
    assert kernel.asked == []
