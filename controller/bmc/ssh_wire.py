"""Runs a command on another host with the program ``ssh`` (OpenSSH): host key checked, one deadline, secrets in no argument.

A key or a password of ``driver_info`` is in a folder of the call's own, which only the controller's user can read, and in the environment.
At most ``_SIDE_BY_SIDE`` calls are at one host: sshd refuses more logins at a time (``MaxStartups``). After a refused login the next ones
wait (``login_hold.py``).
"""

import hashlib
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.protocol.foreign_text import clean_line
from controller.bmc import programs
from controller.bmc.login_hold import LoginHold
from controller.bmc.ssh_target import SshTarget
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.peers.programs import Finished

_SIDE_BY_SIDE = 4
_SSH_FAILED = 255
_PINNED = "pinned"
"""The name that the host has in the file of its key."""
_ASKPASS = "#!/bin/sh\nprintf '%s\\n' \"$INGOT_SSH_PASSWORD\"\n"
_KEY_PROBLEMS = ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")
_KEY_ADVICE = (
    "its key is not the known one: if the host is the right one, give its key as driver_info/ssh_host_key, or put it into the known hosts"
    " of the controller's user (ssh-keyscan)"
)


@dataclass(slots=True)
class _Host:
    """What is known of one login at one host."""

    places: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_SIDE_BY_SIDE)
    )
    hold: LoginHold = field(default_factory=LoginHold)


class SshWire:
    """Runs commands on hosts."""

    def __init__(self) -> None:
        """Know no host yet."""
        self._hosts: dict[tuple[str, int, str, str], _Host] = {}
        self._lock = threading.Lock()

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
        host = self._host(target)
        if host.hold.left_s:
            raise BmcAuthenticationFailed(
                f"{target.where}: the login was refused; it is tried again in {host.hold.left_s:.0f} s, or with another login at once"
            )
        if timeout_s <= 0 or not host.places.acquire(timeout=timeout_s):
            raise BmcUnreachable(
                f"{target.where}: not asked within {max(timeout_s, 0):.0f} s: other calls are at the host; try again"
            )
        try:
            done = _run(target, command, ends_at)
        finally:
            host.places.release()
        if done.exit_code != _SSH_FAILED:
            host.hold.accepted()
            return done
        error = _failure(target, done.errors)
        if isinstance(error, BmcAuthenticationFailed):
            host.hold.refused()
        raise error

    def _host(self, target: SshTarget) -> _Host:
        secret = f"{target.key_filename}\0{target.key_contents}\0{target.password}"
        digest = hashlib.sha256(secret.encode()).hexdigest()
        with self._lock:
            key = (target.address, target.port, target.username, digest)
            return self._hosts.setdefault(key, _Host())


def _run(target: SshTarget, command: str, ends_at: float) -> Finished:
    with tempfile.TemporaryDirectory(prefix="ingot-ssh-") as folder:
        options, environment = _login(target, Path(folder))
        left_s = max(ends_at - time.monotonic(), 0.01)
        options["ConnectTimeout"] = f"{max(int(left_s), 1)}"
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        place = ("-p", str(target.port), "-l", target.username, "--", target.address)
        return programs.run(
            ["ssh", "-F", "/dev/null", "-T", *words, *place, command],
            environment={key: value.encode() for key, value in environment.items()},
            timeout_s=left_s,
        )


def _login(target: SshTarget, folder: Path) -> tuple[dict[str, str], Mapping[str, str]]:
    """Write the files of one call, and return ssh's options and the environment."""
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
    key = Path(target.key_filename)
    if target.key_contents:
        key = folder / "key"
        key.touch(0o600)
        key.write_text(target.key_contents.rstrip("\n") + "\n")
    options |= {
        "IdentityFile": str(key),
        "BatchMode": "yes",
        "PreferredAuthentications": "publickey",
    }
    return options, {}


def _failure(target: SshTarget, errors: str) -> BmcError:
    last = clean_line((errors.strip().splitlines() or ["ssh says no reason"])[-1], 200)
    if any(words in errors for words in _KEY_PROBLEMS):
        return BmcError(f"{target.where}: {_KEY_ADVICE}")
    if "Permission denied" in errors or "Too many authentication failures" in errors:
        return BmcAuthenticationFailed(
            f"{target.where}: the login was refused ({last}); check ssh_username and the key or password in driver_info"
        )
    if "Load key" in errors or "invalid format" in errors:
        return BmcAuthenticationFailed(f"{target.where}: the private key cannot be used: {last}")
    return BmcUnreachable(f"{target.where}: {last}; check its address, and that sshd runs there")
