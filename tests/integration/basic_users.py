"""Users of HTTP basic authentication, for a controller in the test's process."""

import base64
from collections.abc import Collection, Mapping
from pathlib import Path

import bcrypt

from tests.integration.controller_api import Api, make_api


def write_users(folder: Path, names: Collection[str]) -> Path:
    """Write an htpasswd file in which every user's password is the name."""
    path = folder / "htpasswd"
    hashes = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(rounds=4)) for name in names}
    path.write_text("".join(f"{name}:{one.decode()}\n" for name, one in hashes.items()))
    return path


def api_with_users(folder: Path, roles: Mapping[str, str]) -> Api:
    """Return an API that these users log in to, each with such a role (``reader:red``)."""
    file = folder / "roles"
    file.write_text("".join(f"{user}:{role}\n" for user, role in roles.items()))
    return make_api(
        folder,
        auth_strategy="http_basic",
        htpasswd_file=str(write_users(folder, roles)),
        roles_file=str(file),
    )


def as_user(name: str) -> dict[str, str]:
    """Return the headers with which such a user logs in."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{name}".encode()).decode()}
