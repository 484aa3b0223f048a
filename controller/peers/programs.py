"""The place that starts programs which speak to BMCs and switches: argument words, no shell, C locale, secrets by environment or input."""

import contextlib
import os
import selectors
import shutil
import signal
import socket
import subprocess  # noqa: TID251  # this module is the door
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.protocol.foreign_text import clean_line, clean_text
from controller.errors import ProgramFailed, ProgramLate

_MOST_BYTES = 1 << 20
"""Of each stream; what ipmitool prints of a request is some kilobytes."""
_PIECE_BYTES = 1 << 16
_REAP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that has ended."""

    exit_code: int
    output: str
    errors: str
    raw: bytes = field(default=b"", repr=False)
    """The output as it was printed, with what is masked in ``output``: for programs that answer secrets."""


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, bytes],
    timeout_s: float,
    given: bytes = b"",
) -> Finished:
    """Run a program to its end.

    It has a process group of its own, which is killed with it: nothing that it starts outlives the call or holds its output
    open. What it prints is cleaned (``agent/protocol/foreign_text.py``).

    Args:
        argv: The program and its arguments; they are visible to every user of this machine: no secrets here.
        environment: Added to the environment; the place for secrets.
        timeout_s: The program is killed after this time.
        given: What it reads from its standard input.

    Raises:
        ProgramLate: It did not end in time.
        ProgramFailed: It is not installed, cannot be started, or printed more than a megabyte.
    """
    ends_at = time.monotonic() + timeout_s
    process = _start(argv, environment, given)
    try:
        output, errors = _read_to_end(process, ends_at)
    except subprocess.TimeoutExpired as error:
        raise ProgramLate(f"{argv[0]} did not end within {timeout_s:.0f} s") from error
    except _TooMuch as error:
        raise ProgramFailed(
            f"{argv[0]} printed more than {_MOST_BYTES} bytes and was ended; look at what it is answered"
        ) from error
    finally:
        _end(process)
    return Finished(
        exit_code=process.wait(),
        output=clean_text(output, _MOST_BYTES),
        errors=clean_text(errors, _MOST_BYTES),
        raw=output,
    )


def _start(
    argv: Sequence[str],
    environment: Mapping[str, bytes],
    given: bytes,
    stream: int | None = None,
) -> "subprocess.Popen[bytes]":
    inherited = {os.fsencode(key): os.fsencode(value) for key, value in os.environ.items()}
    added = {os.fsencode(key): value for key, value in environment.items()}
    try:
        with _readable(given) as stdin:
            return subprocess.Popen(
                list(argv),
                env={**inherited, b"LC_ALL": b"C", **added},
                stdin=stdin if stream is None else stream,
                stdout=subprocess.PIPE if stream is None else stream,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
    except FileNotFoundError as error:
        message = f"program {argv[0]!r} is not installed; install the package of that name"
        raise ProgramFailed(message) from error
    except (OSError, ValueError) as error:
        raise ProgramFailed(
            f"program {argv[0]!r} cannot be started: {clean_line(error)}"
        ) from error


def start_joined(
    argv: Sequence[str], *, environment: Mapping[str, bytes], stream: socket.socket
) -> "subprocess.Popen[bytes]":
    """Start a program whose input and output are one socket; what it says on standard error is the caller's to read, and :func:`end` ends it.

    Raises:
        ProgramFailed: It is not installed, or cannot be started.
    """
    return _start(argv, environment, b"", stream.fileno())


def read_some(descriptor: int) -> bytes:
    """Return what a program has said, empty = it has closed that."""
    return os.read(descriptor, _PIECE_BYTES)


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """Give what a program reads ``data`` from, without anybody who must keep writing; without data that is nothing."""
    if not data:
        yield subprocess.DEVNULL
        return
    descriptor = os.memfd_create("input")
    with os.fdopen(descriptor, "w+b") as file:
        file.write(data)
        file.seek(0)
        yield descriptor


def is_installed(program: str) -> bool:
    """Say whether a program can be started by its name."""
    return shutil.which(program) is not None


class _TooMuch(Exception):
    """The program prints without an end."""


def _read_to_end(process: "subprocess.Popen[bytes]", ends_at: float) -> tuple[bytes, bytes]:
    """Return what the program prints until it has ended and closed both streams; it is not reaped yet."""
    streams = [stream.fileno() for stream in (process.stdout, process.stderr) if stream]
    texts = {stream: bytearray() for stream in streams}
    ended = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            for descriptor in (*streams, ended):
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                left_s = ends_at - time.monotonic()
                ready = selector.select(left_s) if left_s > 0 else []
                if not ready:
                    raise subprocess.TimeoutExpired(process.args, left_s)
                for key, _events in ready:
                    if key.fd == ended or not _read_piece(key.fd, texts[key.fd]):
                        selector.unregister(key.fd)
    finally:
        os.close(ended)
    output, errors = (bytes(texts[stream]) for stream in streams)
    return output, errors


def _read_piece(descriptor: int, text: bytearray) -> bool:
    """Add what can be read; ``False`` = the stream is at its end."""
    piece = os.read(descriptor, _PIECE_BYTES)
    text += piece
    if len(text) > _MOST_BYTES:
        raise _TooMuch
    return bool(piece)


def end(process: "subprocess.Popen[bytes]", *, patience_s: float) -> None:
    """Wait for a program that has been told to end, and kill it and its group if it does not."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    if process.returncode is None:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of the program's group, then reap it: until then nobody else can have its number.

    SIGKILL cannot be ignored, but a process may hang in the kernel.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_S)


def start_module(python: str, module: str, *, descriptor: int) -> "subprocess.Popen[bytes]":
    """Start a module of ours in a Python of its own; ``descriptor`` stays open there and is its argument.

    It is in a session of its own, so that Ctrl-C in a terminal reaches only the controller, which ends it.
    """
    return subprocess.Popen(
        [python, "-m", module, str(descriptor)],
        pass_fds=(descriptor,),
        cwd=Path(__file__).parents[2],  # where ``controller`` is importable, installed or not
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
