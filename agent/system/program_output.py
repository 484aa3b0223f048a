"""What a program prints, taken as it comes: bounded, and cut into lines for whoever follows it."""

import os
import selectors
from collections.abc import Callable
from contextlib import suppress

from agent.system.process_group import ProcessGroup

OnLine = Callable[[str], None]
_PIECE_BYTES = 1 << 16
_LONGEST_LINE_BYTES = 1 << 14
_WRITE = "stdin"


class Kept:
    """The last ``most_bytes`` of a stream."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = bytearray()
        self._is_cut = False

    def take(self, piece: bytes) -> None:
        """Add what came, drop what is too old."""
        self._bytes += piece
        if len(self._bytes) > 2 * self._most_bytes:
            del self._bytes[: -self._most_bytes]
            self._is_cut = True

    def text(self) -> str:
        """Return what is kept, lines ended by a line feed alone; undecodable bytes are kept as surrogates."""
        text = bytes(self._bytes[-self._most_bytes :]).decode(errors="surrogateescape")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def is_over(self) -> bool:
        """Say whether more came than is kept."""
        return self._is_cut or len(self._bytes) > self._most_bytes


class Lines:
    """Cuts a stream into lines; a carriage return ends one too, as progress bars use it. Longer lines than 16 KiB are cut."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._rest = b""

    def take(self, piece: bytes) -> None:
        """Tell of every line that is complete now."""
        *lines, self._rest = (self._rest + piece).replace(b"\r", b"\n").split(b"\n")
        while len(self._rest) > _LONGEST_LINE_BYTES:
            lines.append(self._rest[:_LONGEST_LINE_BYTES])
            self._rest = self._rest[_LONGEST_LINE_BYTES:]
        for line in lines:
            self._tell(line)

    def end(self) -> None:
        """Tell of a last line without an end."""
        self._tell(self._rest)
        self._rest = b""

    def _tell(self, line: bytes) -> None:
        if line:
            self._on_line(line[:_LONGEST_LINE_BYTES].decode(errors="surrogateescape"))


class Pump:
    """Moves a program's input and output in the caller's thread."""

    def __init__(
        self, group: ProcessGroup, kept: tuple[Kept, Kept], on_line: OnLine | None, stdin: bytes
    ) -> None:
        """``kept`` take standard output and standard error; ``on_line`` hears of the lines of both, as they come."""
        self.moved_bytes = 0
        """What the program has printed so far, on both streams."""
        self._selector = selectors.DefaultSelector()
        self._group = group
        self._unsent = memoryview(stdin)
        self._lines = [Lines(on_line) for _ in kept] if on_line is not None else []
        for place, (pipe, sink) in enumerate(zip(group.outputs, kept, strict=True)):
            os.set_blocking(pipe.fileno(), False)
            takers = [sink.take, *(lines.take for lines in self._lines[place : place + 1])]
            self._selector.register(pipe, selectors.EVENT_READ, takers)
        if group.stdin is not None:
            os.set_blocking(group.stdin.fileno(), False)
            self._selector.register(group.stdin, selectors.EVENT_WRITE, _WRITE)

    def is_done(self) -> bool:
        """Say whether every pipe is at its end."""
        return not self._selector.get_map()

    def turn(self, wait_s: float) -> bool:
        """Move what can be moved, waiting at most ``wait_s`` for the first; say whether something moved."""
        ready = self._selector.select(wait_s)
        for key, _ in ready:
            if key.data is _WRITE:
                self._write(key.fd)
            else:
                piece = os.read(key.fd, _PIECE_BYTES)
                self.moved_bytes += len(piece)
                for take in key.data:
                    take(piece)
                if not piece:
                    self._selector.unregister(key.fileobj)
        return bool(ready)

    def close(self) -> None:
        """Let go of the pipes and tell of the last lines."""
        self._selector.close()
        for lines in self._lines:
            lines.end()

    def _write(self, fd: int) -> None:
        sent = len(self._unsent)
        with suppress(BrokenPipeError):  # it does not want the rest
            sent = os.write(fd, self._unsent[:_PIECE_BYTES])
        self._unsent = self._unsent[sent:]
        stdin = self._group.stdin
        if not self._unsent and stdin is not None:
            self._selector.unregister(stdin)
            stdin.close()
