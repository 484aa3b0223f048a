"""A controller with an SSH port, a node of the project red, and the real client."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.basic_users import write_users
from tests.integration.bmc_doubles import lab_machine
from tests.integration.console_site import PATIENCE_S, People, TypedOn
from tests.integration.controller_process import controller_process
from tests.integration.terminal import Terminal
from tests.lab.ports import free_port


@dataclass(frozen=True)
class SshSite:
    """Where it is, and how people come in."""

    folder: Path
    port: int
    people: People
    line: TypedOn
    outer: str = ""
    """An address that is not loopback."""

    def words(
        self, name: str, *command: str, options: Sequence[str] = (), host: str = "127.0.0.1"
    ) -> list[str]:
        settings = (
            "LogLevel=ERROR",
            f"UserKnownHostsFile={self.folder}/known",
            "StrictHostKeyChecking=accept-new",
        )
        own = [word for one in settings for word in ("-o", one)]
        return [
            *("ssh", "-F", "none", "-p", str(self.port)),
            *own,
            *options,
            f"{name}@{host}",
            *command,
        ]

    def key_words(
        self, name: str, *command: str, options: Sequence[str] = (), host: str = "127.0.0.1"
    ) -> list[str]:
        key = ["-i", str(self.folder / "key"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
        return self.words(name, *command, options=[*key, *options], host=host)

    @contextmanager
    def terminal(self, words: Sequence[str], password: str = "") -> Iterator[Terminal]:
        terminal = Terminal(words, {"PATH": os.environ["PATH"]})
        try:
            if password:
                terminal.wait_for("password:")
                terminal.type(f"{password}\n")
            yield terminal
        finally:
            terminal.close()


def make_keys(folder: Path, *names: str) -> None:
    """Make key pairs whose comment is ``olga``."""
    for name in names:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "olga"]
        subprocess.run([*words, "-f", str(folder / name)], check=True, timeout=PATIENCE_S)


def write_roles(folder: Path, roles: Mapping[str, str]) -> None:
    """Write the file of roles, in one piece: a controller may read it."""
    part = folder / "roles.part"
    part.write_text("".join(f"{user}:{role}\n" for user, role in roles.items()))
    part.replace(folder / "roles")


@contextmanager
def ssh_site(folder: Path, roles: Mapping[str, str], **more: str | float) -> Iterator[SshSite]:
    """Run a controller with an SSH port, users with these roles, the key ``key`` and the open console of ``m1``; ``more`` are settings."""
    line, port = TypedOn(), free_port()
    write_roles(folder, roles)
    settings: dict[str, str | float] = {
        "auth_strategy": "http_basic",
        "htpasswd_file": str(write_users(folder, roles)),
        "roles_file": str(folder / "roles"),
        "console_ssh_port": port,
        "console_ssh_authorized_keys": str(folder / "key.pub"),
        **more,
    }
    with (
        lab_machine(folder, line.serial) as machine,
        machine.network.inside(),
        controller_process(folder, **settings) as url,
    ):
        people = People(url, "m1", ("boss", "boss"))
        body = {
            "driver": "ipmi",
            "name": "m1",
            "owner": "red",
            "console_interface": "ipmitool-socat",
            "driver_info": machine.info,
        }
        created = People(url, "", ("boss", "boss")).call("POST", "", body)
        assert created.ok, created.text
        people.switch(is_on=True)
        people.wait_open()
        yield SshSite(folder, port, people, line, outer=machine.network.address(1))
