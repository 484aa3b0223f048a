"""Lines of a serial console that arrive in pieces are found in one piece."""

import os
import threading
from pathlib import Path

import pytest

from tests.lab.console import Console
from tests.lab.errors import LabError


class Machine:
    """What prints: each piece reaches the console by a read of its own."""

    def __init__(self, console: Console) -> None:
        reader, self._writer = os.pipe()
        self._nobody = os.open(os.devnull, os.O_WRONLY)
        self._thread = threading.Thread(
            target=console.read_from,
            args=(os.fdopen(reader, "rb"), os.fdopen(self._nobody, "wb")),
        )
        self._thread.start()

    def prints(self, piece: bytes) -> None:
        os.write(self._writer, piece)

    def ends(self) -> None:
        os.close(self._writer)
        self._thread.join()


@pytest.mark.parametrize(
    "pieces",
    [
        (b"Welcome to GRUB!\r\n",),
        (b"\x1b[0;30;47mWelcome\x1b[25;08H to GRUB!\r\n",),
        (b"W\r\nelcome to GRUB!\r\n",),
        (b"W\r", b"\nelcome to GRUB!\r\n"),
        (b"W", b"\r\n", b"elcome", b" to GRUB!"),
    ],
)
@pytest.mark.parametrize("before", [b"", b"[PXE-NBP]\r\n"])
def test_a_line_is_found_however_it_was_torn(
    tmp_path: Path, before: bytes, pieces: tuple[bytes, ...]
) -> None:
    console = Console(tmp_path / "console.log")
    machine = Machine(console)
    try:
        for piece in (before or b"\r\n", *pieces):
            machine.prints(piece)
        assert "GRUB" in console.wait_for("Welcome to GRUB", timeout_s=10).text
    finally:
        machine.ends()


def test_lines_that_belong_to_nothing_are_not_joined(tmp_path: Path) -> None:
    console = Console(tmp_path / "console.log")
    machine = Machine(console)
    machine.prints(b"state\r\nactive\r\n77\r\n8\r\n")
    machine.ends()
    for pattern in ("state.*active", "active.*7", "778"):
        with pytest.raises(LabError):
            console.wait_for(pattern, timeout_s=0)


def test_what_stood_before_the_mark_is_not_looked_at(tmp_path: Path) -> None:
    console = Console(tmp_path / "console.log")
    machine = Machine(console)
    machine.prints(b"W\r\n")
    console.wait_for("W", timeout_s=10)
    mark = console.mark()
    machine.prints(b"elcome to GRUB!\r\n")
    console.wait_for("GRUB", timeout_s=10)
    machine.ends()
    with pytest.raises(LabError):
        console.wait_for("Welcome", timeout_s=0, since=mark)
