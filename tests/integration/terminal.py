"""A pseudo-terminal with a program on it, as a person sees it."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

PATIENCE_S = 60


class Terminal:
    """A program on a pseudo-terminal of 100 columns."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        subprocess.run(["stty", "columns", "100", "rows", "30"], stdin=slave, check=True)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "env", "--default-signal=INT", *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm"},
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, self.seen
            assert self._read(), f"ended without {pattern!r}: {self.seen}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        os.close(self._master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
        assert ready, self.seen
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def on_terminal(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Start a program on a terminal; it is ended whatever happens."""
    made = Terminal(argv, environment)
    try:
        yield made
    finally:
        made.close()
