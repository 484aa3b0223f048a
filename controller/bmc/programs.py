"""The one place below ``controller/bmc`` that starts programs: argument words, no shell, C locale, secrets by environment."""

import os
import shutil
import subprocess  # noqa: TID251  # this module is the door
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.errors import BmcError, BmcUnreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that has ended."""

    exit_code: int
    output: str
    errors: str


def run(argv: Sequence[str], *, environment: Mapping[str, bytes], timeout_s: float) -> Finished:
    """Run a program to its end.

    Args:
        argv: The program and its arguments; they are visible to every user of this machine: no secrets here.
        environment: Added to the environment; the place for secrets.
        timeout_s: The program is killed after this time.

    Raises:
        BmcUnreachable: It did not end in time.
        BmcError: It is not installed.
    """
    inherited = {os.fsencode(key): os.fsencode(value) for key, value in os.environ.items()}
    added = {os.fsencode(key): value for key, value in environment.items()}
    try:
        done = subprocess.run(
            list(argv),
            env={**inherited, b"LC_ALL": b"C", **added},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        message = f"program {argv[0]!r} is not installed; install the package of that name"
        raise BmcError(message) from error
    except subprocess.TimeoutExpired as error:
        raise BmcUnreachable(f"{argv[0]} did not end within {timeout_s:.0f} s") from error
    return Finished(
        exit_code=done.returncode,
        output=done.stdout.decode(errors="backslashreplace"),
        errors=done.stderr.decode(errors="backslashreplace"),
    )


def is_installed(program: str) -> bool:
    """Say whether a program can be started by its name."""
    return shutil.which(program) is not None


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
