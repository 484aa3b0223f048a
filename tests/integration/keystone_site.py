"""A real Keystone with projects, users and a catalog: who they are is the same in every test."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.lab.ports import free_port
from tests.lab.program import Program

PEER = Path(__file__).parents[2] / "build/peers/keystone"
BESIDE_KEYSTONE = (
    pytest.mark.interop,
    pytest.mark.skipif(
        not (PEER / "bin/keystone-manage").exists(), reason="make build/stamps/peer-keystone"
    ),
)
_START_S = 60
_CALL_S = 30
_PASSWORD = "right"
_CONFIG = """
[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[oslo_policy]
enforce_new_defaults = True
"""
SYSTEM = {"system": {"all": True}}
USERS: dict[str, tuple[str, str]] = {
    # name: role, project ("" = the whole system)
    "ingot": ("service", "service"),
    "root": ("admin", ""),
    "olga": ("reader", ""),
    "nova": ("service", ""),
    "boss": ("admin", "owner"),
    "tom": ("member", "owner"),
    "tim": ("reader", "owner"),
    "eve": ("member", "foreign"),
    "odd": ("gardener", "owner"),
}


@dataclass
class KeystoneSite:
    """A running Keystone."""

    url: str
    program: Program
    projects: dict[str, str] = field(default_factory=dict)
    """Ids by name."""
    users: dict[str, str] = field(default_factory=dict)

    def log_in(self, user: str, scope: dict[str, Any] | None = None) -> str:
        """Return a token of a user where its role is, or in another scope (``{}`` = none)."""
        place = USERS[user][1] if user in USERS else "admin"
        if scope is None:
            scope = _in_project(place) if place else SYSTEM
        return self.token(_by_password(user), scope)

    def token(self, identity: dict[str, Any], scope: dict[str, Any] | None = None) -> str:
        """Return a token for what a login says."""
        auth = {"identity": identity, **({"scope": scope} if scope else {})}
        reply = requests.post(f"{self.url}/auth/tokens", json={"auth": auth}, timeout=_CALL_S)
        assert reply.status_code == 201, reply.text
        return reply.headers["X-Subject-Token"]

    def ask(self, method: str, path: str, body: Any = None, *, token: str) -> Any:
        """Send a request that must succeed."""
        headers = {"X-Auth-Token": token}
        reply = requests.request(
            method, self.url + path, json=body, headers=headers, timeout=_CALL_S
        )
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return a controller's settings for this Keystone."""
        return {
            "auth_strategy": "keystone",
            "keystone_auth_url": self.url,
            "keystone_username": "ingot",
            "keystone_password": _PASSWORD,
            "keystone_interface": "public",
            **more,
        }

    def environment(self, user: str) -> dict[str, str]:
        """Return what a command line of OpenStack reads of a login by password."""
        place = USERS[user][1]
        scope = (
            {"OS_PROJECT_NAME": place, "OS_PROJECT_DOMAIN_NAME": "Default"}
            if place
            else {"OS_SYSTEM_SCOPE": "all"}
        )
        login = {"OS_AUTH_TYPE": "password", "OS_AUTH_URL": self.url, "OS_USERNAME": user}
        return {**login, "OS_PASSWORD": _PASSWORD, "OS_USER_DOMAIN_NAME": "Default", **scope}


@contextmanager
def keystone_site(folder: Path) -> Iterator[KeystoneSite]:
    """Make a Keystone in ``folder`` and run it."""
    port = free_port()
    (folder / "keystone.conf").write_text(_CONFIG.format(folder=folder))
    environment = {
        **os.environ,
        "OS_KEYSTONE_CONFIG_DIR": str(folder),
        "OS_KEYSTONE_CONFIG_FILES": "keystone.conf",
    }
    root_url = f"http://127.0.0.1:{port}/v3"
    owner = ("--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid()))
    for words in (
        ("db_sync",),
        ("fernet_setup", *owner),
        ("credential_setup", *owner),
        ("bootstrap", "--bootstrap-password", _PASSWORD, "--bootstrap-public-url", root_url),
    ):
        _manage(folder, environment, *words)
    server = Path(__file__).with_name("keystone_server.py")
    argv = [str(PEER / "bin/python"), str(server), str(port)]
    program = Program("keystone", argv, log=folder / "keystone.out", environment=environment)
    site = KeystoneSite(url=root_url, program=program)
    program.start()
    try:
        _wait(site)
        _populate(site)
        yield site
    finally:
        program.stop()


def _manage(folder: Path, environment: dict[str, str], *words: str) -> None:
    argv = [str(PEER / "bin/keystone-manage"), "--config-file", str(folder / "keystone.conf")]
    done = subprocess.run(
        [*argv, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_START_S,
        check=False,
    )
    assert done.returncode == 0, f"keystone-manage {words[0]}: {done.stderr[-2000:]}"


def _wait(site: KeystoneSite) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        site.program.must_run()
        try:
            if requests.get(site.url, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError(f"Keystone did not start: {site.program.log_tail()}")


def _populate(site: KeystoneSite) -> None:
    """Make the users where they have their roles."""
    admin = site.log_in("admin", SYSTEM)

    def make(kind: str, **values: Any) -> str:
        made = site.ask("POST", f"/{kind}s", {kind: values}, token=admin)[kind]
        return str(made["id"])

    found = site.ask("GET", "/roles", token=admin)["roles"]
    roles = {one["name"]: one["id"] for one in found}
    for name in ("service", "gardener"):
        if name not in roles:
            roles[name] = make("role", name=name)
    for user, (role, project) in USERS.items():
        site.users[user] = make("user", name=user, password=_PASSWORD, domain_id="default")
        if project and project not in site.projects:
            site.projects[project] = make("project", name=project, domain_id="default")
        place = f"projects/{site.projects[project]}" if project else "system"
        site.ask("PUT", f"/{place}/users/{site.users[user]}/roles/{roles[role]}", token=admin)


def offer(site: KeystoneSite, url: str) -> None:
    """Put a bare-metal service into the catalog."""
    admin = site.log_in("admin", SYSTEM)
    service = {"type": "baremetal", "name": "ingot"}
    made = site.ask("POST", "/services", {"service": service}, token=admin)["service"]
    endpoint = {"service_id": made["id"], "interface": "public", "url": url}
    site.ask("POST", "/endpoints", {"endpoint": endpoint}, token=admin)


def _by_password(user: str) -> dict[str, Any]:
    who = {"name": user, "domain": {"id": "default"}, "password": _PASSWORD}
    return {"methods": ["password"], "password": {"user": who}}


def _in_project(name: str) -> dict[str, Any]:
    return {"project": {"name": name, "domain": {"id": "default"}}}
