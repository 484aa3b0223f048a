"""A controller with an SSH port, a node of the project red, and the real client."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.console_site import PATIENCE_S, People, TypedOn
from tests.integration.terminal import Terminal


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
