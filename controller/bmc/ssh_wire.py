"""Runs a command on another host with the program ``ssh`` (OpenSSH): host key checked, one deadline, secrets in no argument.

A private key of ``driver_info`` is in memory only, in a file without a name that ssh opens by the controller's descriptor: a controller that is
killed leaves none behind. A password is in the environment. At most ``_SIDE_BY_SIDE`` calls are at one host: sshd refuses more logins at a time
(``MaxStartups``). A refused login is not tried again at once, nor by those who wait (``login_hold.py``).
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.protocol.foreign_text import clean_line
from controller.bmc import programs
from controller.bmc.kept import Kept, digest_of
from controller.bmc.login_hold import LoginGate
from controller.bmc.ssh_target import SshTarget
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.peers.programs import Finished

_SIDE_BY_SIDE = 4
_SSH_FAILED = 255
_PINNED = "pinned"
"""The name that the host has in the file of its key."""
_ASKPASS = "#!/bin/sh\nprintf '%s\\n' \"$INGOT_SSH_PASSWORD\"\n"
KEY_PROBLEMS = ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")
_KEY_ADVICE = (
    "its key is not the known one: if the host is the right one, give its key as driver_info/ssh_host_key, or put it into the known hosts"
    " of the controller's user (ssh-keyscan)"
)


class SshWire:
    """Runs commands on hosts."""

    def __init__(self) -> None:
        """Know no host yet."""
        self._gates: Kept[str, LoginGate] = Kept()

    def run(self, target: SshTarget, command: str, *, timeout_s: float) -> Finished:
        """Run a command of the remote user's shell; what ended with another status than 0 is returned as well.

        Args:
            target: The host.
            command: For a shell: whoever writes it quotes what is foreign.
            timeout_s: For all of it.

        Raises:
            BmcUnreachable: No answer in time.
            BmcAuthenticationFailed: The login was refused, or was a moment ago.
            BmcError: The host is not the known one, or ssh is not installed.
        """
        ends_at = time.monotonic() + timeout_s
        gate = self._gates.get_or_make(digest_of(target), lambda: LoginGate(_SIDE_BY_SIDE))
        with gate.turn(target.where, timeout_s):
            done = _run(target, command, ends_at)
            if done.exit_code != _SSH_FAILED:
                gate.accepted()
                return done
            error = _failure(target, done.errors)
            if isinstance(error, BmcAuthenticationFailed):
                gate.refused()
            raise error


def _run(target: SshTarget, command: str, ends_at: float) -> Finished:
    with tempfile.TemporaryDirectory(prefix="ingot-ssh-") as folder, _key_file(target) as key:
        options, environment = login_options(target, Path(folder), key)
        left_s = max(ends_at - time.monotonic(), 0.01)
        options["ConnectTimeout"] = f"{max(int(left_s), 1)}"
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        place = ("-p", str(target.port), "-l", target.username, "--", target.address)
        return programs.run(
            ["ssh", "-F", "/dev/null", "-T", *words, *place, command],
            environment={key: value.encode() for key, value in environment.items()},
            timeout_s=left_s,
        )


@contextmanager
def _key_file(target: SshTarget) -> Iterator[Path]:
    """Give the file with the private key; one that is in ``driver_info`` is in memory, and gone with the block or the controller."""
    if not target.key_contents:
        yield Path(target.key_filename)
        return
    with os.fdopen(os.memfd_create("key"), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # ssh refuses keys that others can read
        file.write(f"{target.key_contents.rstrip(chr(10))}\n".encode())
        file.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")


def login_options(
    target: SshTarget, folder: Path, key: Path
) -> tuple[dict[str, str], Mapping[str, str]]:
    """Write the files of one call, none with a secret, and return ssh's options and the environment."""
    options = {
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ClearAllForwardings": "yes",
        "ServerAliveInterval": "5",
        "NumberOfPasswordPrompts": "1",
        "IdentitiesOnly": "yes",
    }
    if target.host_keys:
        known = folder / "known_hosts"
        known.write_text("".join(f"{_PINNED} {key}\n" for key in target.host_keys))
        options |= {
            "UserKnownHostsFile": str(known),
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": _PINNED,
        }
    if target.password:
        askpass = folder / "askpass"
        askpass.write_text(_ASKPASS)
        askpass.chmod(0o700)
        options["PreferredAuthentications"] = "password,keyboard-interactive"
        return options, {
            "SSH_ASKPASS": str(askpass),
            "SSH_ASKPASS_REQUIRE": "force",
            "INGOT_SSH_PASSWORD": target.password,
        }
    options |= {
        "IdentityFile": str(key),
        "BatchMode": "yes",
        "PreferredAuthentications": "publickey",
    }
    return options, {}


def _failure(target: SshTarget, errors: str) -> BmcError:
    last = clean_line((errors.strip().splitlines() or ["ssh says no reason"])[-1], 200)
    if any(words in errors for words in KEY_PROBLEMS):
        return BmcError(f"{target.where}: {_KEY_ADVICE}")
    if "Permission denied" in errors or "Too many authentication failures" in errors:
        return BmcAuthenticationFailed(
            f"{target.where}: the login was refused ({last}); check ssh_username and the key or password in driver_info"
        )
    if "Load key" in errors or "invalid format" in errors:
        return BmcAuthenticationFailed(f"{target.where}: the private key cannot be used: {last}")
    return BmcUnreachable(f"{target.where}: {last}; check its address, and that sshd runs there")
