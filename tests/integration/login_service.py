"""The ramdisk's login service of a machine that is rescued, for agents that are processes."""

import socket
import threading
import time
from pathlib import Path


class LoginService:
    """Waits for the hash as the ramdisk does, then greets as an SSH server does."""

    def __init__(
        self, folder: Path, answer: str = "open", greeting: bytes = b"SSH-2.0-x\r\n"
    ) -> None:
        self._folder, self._answer, self._greeting = folder, answer, greeting
        self.seen = ""
        self._socket = socket.create_server(("127.0.0.1", 0))
        (folder / "ssh-port").write_text(str(self._socket.getsockname()[1]))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        file = self._folder / "rescue/password"
        while not file.exists():
            time.sleep(0.02)
        self.seen = file.read_text()
        (self._folder / "state/rescue-login").write_text(self._answer)
        self._greet_all()

    def _greet_all(self) -> None:
        while True:
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self._greeting)

    def close(self) -> None:
        self._socket.close()
