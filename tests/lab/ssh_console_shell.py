"""The shell of the lab's Redfish BMC, as sshd starts it: `ssh_console_shell.py FOLDER`; FOLDER has the serial line's socket and the command that enters it."""

import os
import select
import socket
import sys
import tty
from pathlib import Path

_PIECE_BYTES = 4096


def main(folder: Path) -> None:
    """Serve one session."""
    command = (folder / "command").read_text()
    if command:
        print("Ingot laboratory BMC", flush=True)  # noqa: T201  # what the BMC shows
        while (typed := input("bmc> ")) != command:
            print(f"no such command: {typed!r}", flush=True)  # noqa: T201
    tty.setraw(0)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(folder / "serial"))
        os.write(1, b"-- console --\r\n")
        _join(line)


def _join(line: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([0, line.fileno()], [], [])
        if line.fileno() in ready:
            data = line.recv(_PIECE_BYTES)
            if not data:
                return
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, _PIECE_BYTES)
            if not data:
                return
            line.sendall(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
