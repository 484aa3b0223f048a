"""Opens the ramdisk to the person who rescues a machine, and remembers that it is open.

The agent hands the password's hash over in the file of Ironic's agent; the ramdisk (``rescue-login`` of the element
``ingot-init``) makes the account, starts its SSH server and says so in a file. That alone is no proof: the server is asked for its
greeting before anybody is told that the login is open.
"""

import logging
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from agent.errors import RescueError
from agent.system.state_files import read_if_there, write_private

log = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.1
_GREETING = b"SSH-2.0-"
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueLogin:
    """Where agent and ramdisk meet."""

    password_file: Path
    """The ramdisk waits for the hash in it."""
    answer_file: Path
    """``open``, or why not, in the ramdisk's words."""
    mark: Path
    """There from the moment that the login is open, for an agent that is started again."""
    ssh_port: int = 22
    timeout_s: float = 20.0

    @property
    def is_open(self) -> bool:
        """Whether the login was opened in this boot."""
        return self.mark.exists()

    def open(self, password_hash: str) -> None:
        """Let the user ``rescue`` in with the password of this hash.

        Raises:
            RescueError: The ramdisk has no such service, or its SSH server does not answer.
        """
        self.answer_file.unlink(missing_ok=True)
        deadline = time.monotonic() + self.timeout_s
        try:
            write_private(self.password_file, f"{password_hash}\n".encode())
        except OSError as error:
            text = f"{self.password_file}: the password's hash cannot be written: {error.strerror}"
            raise RescueError(text) from error
        self._wait_for_answer(deadline)
        self._require_greeting(deadline)
        write_private(self.mark, b"")
        log.info("rescue login opened", extra={"user": "rescue", "port": self.ssh_port})

    def _wait_for_answer(self, deadline: float) -> None:
        while (answer := read_if_there(self.answer_file)) is None:
            if time.monotonic() >= deadline:
                raise RescueError(
                    f"the ramdisk did not open the rescue login within {self.timeout_s:g} s: is its service "
                    "rescue-login running? build the ramdisk with the element ingot-init"
                )
            time.sleep(_LOOK_EVERY_S)
        said = answer.decode(errors="replace").strip()
        if said != "open":
            raise RescueError(
                f"the ramdisk could not open the rescue login: {said[:_LONGEST_REASON]}"
            )

    def _require_greeting(self, deadline: float) -> None:
        problem = "no answer"
        while time.monotonic() < deadline:
            try:
                address = ("127.0.0.1", self.ssh_port)
                with socket.create_connection(address, timeout=self.timeout_s) as connection:
                    greeting = connection.recv(len(_GREETING))
            except OSError as error:
                problem = str(error.strerror or error)
            else:
                if greeting == _GREETING:
                    return
                problem = f"it greets with {greeting!r}"
            time.sleep(_LOOK_EVERY_S)
        raise RescueError(
            f"the SSH server of the rescue login does not answer on port {self.ssh_port}: {problem}; "
            "collect the ramdisk's logs (sshd.log)"
        )
