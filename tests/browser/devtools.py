"""The Chrome DevTools Protocol over two pipes (``--remote-debugging-pipe``): JSON both ways, each message ended by a zero byte.

Source: https://chromedevtools.github.io/devtools-protocol/, and ``content/browser/devtools/devtools_pipe_handler.cc`` of Chromium. No port is opened.
"""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable
from typing import IO, Any

_PATIENCE_S = 120.0

Hear = Callable[[str, dict[str, Any]], None]
"""Gets an event's name and parameters, in the thread that reads; must not call, only :meth:`DevTools.post`."""


class DevToolsError(Exception):
    """The browser refused a command, or is gone."""


class DevTools:
    """One browser's commands and events; any thread may call."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        """Speak into one pipe and read the other."""
        self._commands, self._answers = commands, answers
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._results: dict[int, dict[str, Any]] = {}
        self._hears: dict[str, Hear] = {}
        self._has_ended = False
        self._thread = threading.Thread(target=self._read, name="devtools", daemon=True)
        self._thread.start()

    def hear(self, session: str, hear: Hear) -> None:
        """Have a session's events told from now on."""
        self._hears[session] = hear

    def post(self, method: str, session: str = "", **parameters: object) -> int:
        """Send a command and return its number, without waiting for what comes of it."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        with self._changed, contextlib.suppress(BrokenPipeError):
            self._commands.write(json.dumps(message).encode() + b"\0")
            self._commands.flush()
        return number

    def call(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """Send a command and return its result. Raises ``DevToolsError``."""
        number = self.post(method, session, **parameters)
        with self._changed:
            self._changed.wait_for(lambda: number in self._results or self._has_ended, _PATIENCE_S)
            if number not in self._results:
                raise DevToolsError(f"{method}: no answer, or the browser has ended")
            answer = self._results.pop(number)
        if "error" in answer:
            raise DevToolsError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def close(self) -> None:
        """Let the reader end, after the browser has."""
        self._thread.join(_PATIENCE_S)
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._commands.close()

    def _read(self) -> None:
        rest = b""
        while data := self._answers.read1(1 << 16):  # type: ignore[attr-defined]  # a pipe of Popen's is buffered
            *messages, rest = (rest + data).split(b"\0")
            for message in messages:
                self._take(json.loads(message))
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            with self._changed:
                self._results[message["id"]] = message
                self._changed.notify_all()
        elif hear := self._hears.get(message.get("sessionId", "")):
            hear(message["method"], message["params"])
