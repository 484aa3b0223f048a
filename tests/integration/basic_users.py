"""Users of HTTP basic authentication, for a controller in the test's process."""

import base64
from collections.abc import Collection
from pathlib import Path

import bcrypt


def write_users(folder: Path, names: Collection[str]) -> Path:
    """Write an htpasswd file in which every user's password is the name."""
    path = folder / "htpasswd"
    hashes = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(rounds=4)) for name in names}
    path.write_text("".join(f"{name}:{one.decode()}\n" for name, one in hashes.items()))
    return path


def as_user(name: str) -> dict[str, str]:
    """Return the headers with which such a user logs in."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{name}".encode()).decode()}
