"""The key by which SSH clients know this controller: made once, kept in the state directory."""

import os
from pathlib import Path

import asyncssh

from controller.errors import SettingsError

_NAME = "console_ssh_host_key"
_KIND = "ssh-ed25519"


def host_key(state_directory: Path) -> asyncssh.SSHKey:
    """Return the key, which is made if there is none.

    Raises:
        SettingsError: It cannot be read or written.
    """
    path = state_directory / _NAME
    try:
        if not path.exists():
            _write(path, asyncssh.generate_private_key(_KIND).export_private_key())
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise SettingsError(f"the SSH host key {path} cannot be used: {error}") from error


def _write(path: Path, content: bytes) -> None:
    """Write it whole or not at all, for its owner alone."""
    part = path.with_suffix(f".{os.getpid()}")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
