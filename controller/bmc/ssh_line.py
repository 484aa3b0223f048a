"""A serial console at the other end of an SSH session: the program ``ssh`` (OpenSSH) between a BMC and the controller.

The session has a terminal, as all BMCs expect of whoever enters a console, and no escape character: every byte that is typed goes through. What enters the
console is typed when the BMC's shell has said its prompt. One ``ssh``, one thread; what one side does not take is not read from the other.
"""

import contextlib
import math
import select
import socket
import subprocess  # noqa: TID251  # for the type; ``programs.py`` starts it
import tempfile
import time
from pathlib import Path

from agent.protocol.foreign_text import clean_line
from controller.bmc.console_orders import next_order
from controller.bmc.ssh_target import SshTarget
from controller.bmc.ssh_wire import KEY_PROBLEMS, login_options
from controller.errors import ProgramFailed
from controller.hardware.console import (
    DENIED,
    FAILED,
    MOST_PACKET_BYTES,
    OPENED,
    SHOWN,
    TYPED,
)
from controller.peers import programs

_CONNECT_S, _LOGIN_S = 20, 40.0
_QUIET_S, _PROMPT_S = 1.0, 15.0
"""The shell has said its prompt when it has said something and is quiet for so long; one that says nothing is not waited for any longer."""
_ENTER_S = 1.0
"""So long after the command nothing else is typed, for the shell might take it."""
_MOST_TYPED_BYTES = 16 << 10
_MOST_SAID_BYTES = 8 << 10
_PIECE_BYTES = MOST_PACKET_BYTES - 1
_END_S = 1.0
_LOGGED_IN = b"Authenticated to "
_NOT_KEPT = b"Failed to add the host to the list of known hosts"
_CHATTER = (
    "Authenticated to ",
    "Transferred: ",
    "Bytes per second: ",
    "Warning: Permanently",
    "debug",
)
_NO_BREAK = b"\r\n[ingot: a break cannot be sent by SSH; use the BMC's own key for it]\r\n"


class SshLine:
    """One session."""

    def __init__(self, channel: socket.socket, target: SshTarget, command: str) -> None:
        """Start nothing yet; ``command`` is typed first, empty = nothing is."""
        self._channel, self._target, self._command = channel, target, command
        self._typed = bytearray()
        self._said = bytearray()
        """What ssh itself says, the end of it."""
        self._is_logged_in = self._is_open = self._has_ended = False
        self._shown_at: float | None = None
        self._enter_at = self._open_at = math.inf
        self._login_until = 0.0

    def run(self) -> tuple[bytes, str]:
        """Serve until an end; return what the controller is told of it, no text when the controller wants it."""
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryDirectory(prefix="ingot-ssh-") as folder:
            try:
                with theirs:
                    process = self._start(Path(folder), theirs)
            except ProgramFailed as error:
                return FAILED, str(error)
            try:
                return self._carry(process, ours)
            finally:
                ours.close()
                programs.end(process, patience_s=_END_S)

    def _start(self, folder: Path, stream: socket.socket) -> "subprocess.Popen[bytes]":
        target = self._target
        options, environment = login_options(target, folder, Path())
        if not target.host_keys:
            options["UserKnownHostsFile"] = str(_known_hosts())
        options |= {
            "StrictHostKeyChecking": "yes" if target.host_keys else "accept-new",
            "ConnectTimeout": str(_CONNECT_S),
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
            "EscapeChar": "none",
            "LogLevel": "VERBOSE",
        }
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        place = ("-p", str(target.port), "-l", target.username, "--", target.address)
        return programs.start_joined(
            ["ssh", "-F", "/dev/null", "-tt", *words, *place],
            environment={"TERM": b"vt100"}
            | {key: value.encode() for key, value in environment.items()},
            stream=stream,
        )

    def _carry(
        self, process: "subprocess.Popen[bytes]", stream: socket.socket
    ) -> tuple[bytes, str]:
        if process.stderr is None:
            raise RuntimeError("ssh is started with a pipe for what it says")
        said = process.stderr.fileno()
        self._login_until = time.monotonic() + _LOGIN_S
        poll = select.poll()
        poll.register(said, select.POLLIN)
        while not self._has_ended:
            if why := self._look():
                return FAILED, why
            self._register(poll, stream)
            ready = dict(poll.poll(self._patience_ms()))
            if said in ready and not self._hear(said):
                poll.unregister(said)
            if ready.get(stream.fileno(), 0) & ~select.POLLOUT and not self._show(stream):
                self._hear_rest(said)
                return self._failure()
            if ready.get(stream.fileno(), 0) & select.POLLOUT and self._typed:
                self._type(stream)
            if events := ready.get(self._channel.fileno()):
                self._read_controller(events)
        return FAILED, ""

    def _register(self, poll: "select.poll", stream: socket.socket) -> None:
        poll.register(stream, select.POLLIN | (select.POLLOUT if self._typed else 0))
        has_room = len(self._typed) < _MOST_TYPED_BYTES
        poll.register(self._channel, select.POLLIN if has_room else 0)

    def _look(self) -> str:
        """Go on where it is time; return why this cannot go on, empty = it can."""
        now = time.monotonic()
        if _NOT_KEPT in self._said and not self._target.host_keys:
            return (
                f"the key of its SSH server at {self._target.where} cannot be kept: let the controller's user write ~/.ssh/known_hosts, or set"
                " driver_info/redfish_console_host_key"
            )
        if not self._is_logged_in:
            if _LOGGED_IN in self._said:
                self._is_logged_in = True
                self._enter_at = now + _PROMPT_S
                self._open_at = math.inf if self._command else now
            elif now > self._login_until:
                return f"{self._target.where}: SSH has no login within {_LOGIN_S:.0f} s; look whether the BMC hangs"
        if self._is_logged_in and not self._is_open:
            self._enter(now)
        return ""

    def _enter(self, now: float) -> None:
        """Type the command when it is time, and tell the controller when the console should be there."""
        quiet_at = math.inf if self._shown_at is None else self._shown_at + _QUIET_S
        if self._open_at == math.inf and now >= min(self._enter_at, quiet_at):
            self._typed += f"{self._command}\r".encode()
            self._open_at = now + _ENTER_S
        if now >= self._open_at:
            self._is_open = True
            self._say(OPENED)

    def _patience_ms(self) -> int | None:
        if self._is_open:
            return None
        now = time.monotonic()
        times = [self._enter_at if self._is_logged_in else self._login_until]
        if self._open_at < math.inf:
            times = [self._open_at]
        elif self._is_logged_in and self._shown_at is not None:
            times.append(self._shown_at + _QUIET_S)
        return math.ceil(max(0.0, min(times) - now) * 1000) + 1

    def _hear(self, said: int) -> bool:
        """Read what ssh itself says; false = it says nothing more."""
        piece = programs.read_some(said)
        self._said += piece
        del self._said[:-_MOST_SAID_BYTES]
        return bool(piece)

    def _hear_rest(self, said: int) -> None:
        ends_at = time.monotonic() + _END_S
        while (left_s := ends_at - time.monotonic()) > 0:
            if not select.select([said], [], [], left_s)[0] or not self._hear(said):
                return

    def _show(self, stream: socket.socket) -> bool:
        """Pass on what the console shows; false = the session has ended."""
        try:
            shown = stream.recv(_PIECE_BYTES)
        except OSError:
            return False
        if shown:
            self._shown_at = time.monotonic()
            self._say(
                SHOWN, shown
            )  # waits while the controller is behind: then nothing more is read
        return bool(shown)

    def _type(self, stream: socket.socket) -> None:
        try:
            sent = stream.send(self._typed, socket.MSG_DONTWAIT)
        except OSError:  # full, or its end is read soon
            return
        del self._typed[:sent]

    def _read_controller(self, events: int) -> None:
        order = next_order(self._channel, events)
        if order is None:
            self._has_ended = True
        elif order.startswith(TYPED):
            self._typed += order[len(TYPED) :]
        else:
            self._say(SHOWN, _NO_BREAK)

    def _say(self, kind: bytes, what: bytes = b"") -> None:
        try:
            self._channel.send(kind + what)
        except OSError:
            self._has_ended = True

    def _failure(self) -> tuple[bytes, str]:
        """Return why ssh has ended."""
        return failure(self._said.decode(errors="replace"), self._target.where, self._is_logged_in)


def _known_hosts() -> Path:
    """Return the file of known hosts; a folder that cannot be made is told of by ssh."""
    path = Path.home() / ".ssh/known_hosts"
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
    return path


def failure(words: str, where: str, is_logged_in: bool) -> tuple[bytes, str]:
    """Return what the controller is told when ssh has ended, by what ssh said. Pure."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_CHATTER)]
    last = clean_line(told[-1], 200) if told else "it says no reason"
    if is_logged_in:
        return FAILED, (
            f"SSH to {where} has ended: {last}; if that comes again, look whether another client has the console"
        )
    if any(problem in words for problem in KEY_PROBLEMS):
        return FAILED, (
            f"SSH to {where}: its key is another than the known one; if the BMC is the right one (a new board, new firmware), set"
            " driver_info/redfish_console_host_key, or take the old key out of the known hosts of the controller's user (ssh-keygen -R)"
        )
    if "Permission denied" in words or "Too many authentication failures" in words:
        return DENIED, (
            f"SSH to {where}: the login was refused ({last}); check redfish_console_username and redfish_console_password (or redfish_username,"
            " redfish_password), and that the user may use SSH"
        )
    return (
        FAILED,
        f"SSH to {where}: {last}; check that SSH is enabled on the BMC, redfish_console_port and the firewall",
    )
