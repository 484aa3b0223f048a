"""What a machine prints on its serial line: a raw file, and lines with the time each of them was complete."""

import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.lab.errors import LabError

# CSI and the other escape sequences that firmware and boot loaders draw with (ECMA-48, section 5)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78cDEHM])")
_LINE_END = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLine:
    """One line, escape sequences removed; ``time_s`` is ``time.monotonic()`` when it was complete (or last grew).

    ``number`` counts lines, also empty ones: ``since=line.number + 1`` looks at what came later.
    """

    number: int
    time_s: float
    text: str


class Console:
    """Everything a machine printed since it was made, across power cycles.

    ``on_line`` may be set to a function that is called with each complete line; from the reading thread, so it must not
    wait for the machine.
    """

    def __init__(self, raw: Path) -> None:
        self.raw = raw
        self.on_line: Callable[[ConsoleLine], None] | None = None
        self._lines: list[ConsoleLine] = []
        self._number = 0
        self._partial = b""
        self._partial_time_s = 0.0
        self._grown = threading.Condition()
        self._keyboard: IO[bytes] | None = None
        self.on_bytes: Callable[[bytes], None] | None = None
        """Called with all that is printed, as it comes; must not wait."""

    @property
    def lines(self) -> tuple[ConsoleLine, ...]:
        """All complete lines and what stands on the last one, empty lines left out."""
        with self._grown:
            return tuple(self._since(0))

    @property
    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(line.text for line in self.lines)

    def mark(self) -> int:
        """Return a place in the output: ``wait_for(..., since=mark)`` looks only at lines that begin later."""
        with self._grown:
            return self._number + bool(self._partial.strip())

    def wait_for(self, pattern: str, *, timeout_s: float, since: int = 0) -> ConsoleLine:
        """Wait for a line in which the regular expression ``pattern`` is found; a prompt counts as a line.

        A line whose first character stands on a line of its own is also looked at in one piece: SeaBIOS writes its
        screen to the serial line from a timer, and ends the line when the timer comes after the first character.

        Raises:
            LabError: There is none within ``timeout_s`` seconds; the message carries the last lines.
        """
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        looked_at = since
        with self._grown:
            while True:
                lines = self._since(max(since, looked_at - 2))
                for before, line in zip([None, *lines], lines, strict=False):
                    if wanted.search(line.text) or wanted.search(_in_one_piece(before, line)):
                        return line
                looked_at = max(since, self._number)
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    tail = "\n".join(line.text for line in self._since(since)[-25:])
                    raise LabError(
                        f"the console did not show {pattern!r} within {timeout_s:g} s; "
                        f"all of it is in {self.raw}; its end:\n{tail}"
                    )
                self._grown.wait(left_s)

    def type(self, text: str) -> None:
        """Type on the serial line.

        Raises:
            LabError: The machine is off.
        """
        self.type_bytes(text.encode())

    def type_bytes(self, data: bytes) -> None:
        """Type on the serial line; raises as :meth:`type`."""
        keyboard = self._keyboard
        try:
            if keyboard is None:
                raise LabError(f"cannot type on {self.raw.stem}: the machine is off")
            keyboard.write(data)
            keyboard.flush()
        except (OSError, ValueError) as error:
            raise LabError(f"cannot type on {self.raw.stem}: the machine has gone off") from error

    def read_from(self, output: IO[bytes], keyboard: IO[bytes]) -> None:
        """Read until ``output`` ends (the machine is off); the work of a thread per QEMU process."""
        self._keyboard = keyboard
        try:
            with self.raw.open("ab", buffering=0) as raw, output:
                while data := output.read1(65536):  # type: ignore[attr-defined]  # BufferedReader has it
                    raw.write(data)
                    if self.on_bytes:
                        self.on_bytes(data)
                    self._take(data)
        finally:
            self._keyboard = None
            keyboard.close()
            self._take(b"\n")

    def _take(self, data: bytes) -> None:
        now_s = time.monotonic()
        *complete, partial = _LINE_END.split(self._partial + data)
        numbered = enumerate(complete, self._number)
        lines = [_line(number, part, now_s) for number, part in numbered]
        fresh = [line for line in lines if line.text.strip()]
        with self._grown:
            self._lines += fresh
            self._number += len(complete)
            self._partial = partial
            self._partial_time_s = now_s
            self._grown.notify_all()
        if self.on_line:
            for line in fresh:
                self.on_line(line)

    def _since(self, number: int) -> list[ConsoleLine]:
        lines = self._lines[bisect_left(self._lines, number, key=lambda line: line.number) :]
        last = _line(self._number, self._partial, self._partial_time_s)
        return [*lines, last] if last.text.strip() and last.number >= number else lines


def _line(number: int, data: bytes, time_s: float) -> ConsoleLine:
    text = _ESCAPES.sub("", data.decode(errors="replace"))
    return ConsoleLine(
        number=number, time_s=time_s, text=_rubbed_out(text) if "\b" in text else text
    )


def _in_one_piece(before: ConsoleLine | None, line: ConsoleLine) -> str:
    # a line end that arrives in two parts counts an empty line
    torn = before is not None and len(before.text) == 1 and line.number - before.number <= 2
    return before.text + line.text if before and torn else line.text


def _rubbed_out(text: str) -> str:
    """Carry out backspaces: iPXE wipes its prompts with them."""
    shown: list[str] = []
    for character in text:
        if character != "\b":
            shown.append(character)
        elif shown:
            shown.pop()
    return "".join(shown)
