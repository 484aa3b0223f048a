"""QEMU's control connection (QMP: docs/interop/qmp-spec.txt in QEMU): orders in, the reason of a shutdown out."""

import json
import socket
import threading
from typing import Any

from tests.lab.errors import LabError

_ANSWER_TIMEOUT_S = 10


class Qmp:
    """One control connection; reads events in a thread until QEMU ends."""

    def __init__(self, connection: socket.socket) -> None:
        self.shutdown_reason: str | None = None
        """Why QEMU ended: guest-shutdown, guest-reset, guest-panic, host-signal ...; None = it did not say."""
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")
        self._answer: dict[str, Any] | None = None
        self._answered = threading.Condition()
        self._one_order = threading.Lock()
        self._ended = False
        self._send({"execute": "qmp_capabilities"})
        self._thread = threading.Thread(target=self._read, name="qmp", daemon=True)
        self._thread.start()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Carry out one order and return its result.

        Raises:
            LabError: QEMU refuses, has ended, or does not answer within 10 s.
        """
        with self._one_order, self._answered:
            self._answer = None
            self._send({"execute": command, "arguments": arguments, "id": command})
            self._answered.wait_for(lambda: self._answer or self._ended, _ANSWER_TIMEOUT_S)
            answer = self._answer
        if answer is None:
            raise LabError(f"QMP {command}: no answer; QEMU has ended or hangs")
        if "error" in answer:
            raise LabError(f"QMP {command}: {answer['error']['desc']}")
        return answer["return"]

    def join(self) -> None:
        """Wait until everything QEMU said is read; call it after QEMU's end."""
        self._thread.join(_ANSWER_TIMEOUT_S)
        self._lines.close()
        self._connection.close()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:  # QEMU has just ended; the reader notices and tells whoever waits
            self._ended = True

    def _read(self) -> None:
        try:
            for line in self._lines:
                self._take(json.loads(line))
        except (OSError, json.JSONDecodeError):  # killed in the middle of a line
            pass
        finally:
            with self._answered:
                self._ended = True
                self._answered.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("event") == "SHUTDOWN":
            self.shutdown_reason = message["data"]["reason"]
        if "id" in message:
            with self._answered:
                self._answer = message
                self._answered.notify_all()
