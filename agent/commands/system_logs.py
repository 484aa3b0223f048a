"""``log.collect_system_logs``: what somebody needs to see who was not there, as a compressed archive.

Secrets stay out: the agent token and the passwords of the kernel command line are replaced wherever they appear.
"""

import base64
import io
import tarfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agent.commands.command import Command, Job, Kind, Params
from agent.errors import CommandFailed
from agent.protocol.masking import MASK, masked_text
from agent.system.runner import Runner

PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dmesg", ("dmesg",)),
    ("lsblk", ("lsblk", "--all", "--output-all", "--json", "--bytes")),
    ("blkid", ("blkid",)),
    ("efibootmgr", ("efibootmgr", "-v")),
    ("ip_addr", ("ip", "-details", "address")),
    ("ip_route", ("ip", "route", "show", "table", "all")),
    ("ip_neighbours", ("ip", "neighbour")),
    ("mount", ("mount",)),
    ("df", ("df", "--all")),
    ("ps", ("ps", "-ef")),
)
LOG_FILES: tuple[str, ...] = (
    "/proc/cmdline",
    "/proc/mdstat",
    "/proc/meminfo",
    "/proc/modules",
    "/var/log/ingot-agent.log",
    "/run/ingot/boot.log",
    "/run/ingot/sshd.log",
    "/run/ingot/net/*.log",
)
_PROGRAM_TIMEOUT_S = 20
_LONGEST_LOG_BYTES = 8 << 20
_COMPRESSION = 3  # the highest takes seconds on a slow processor and saves little


class SystemLogs:
    """The command and what it needs; ``secrets`` returns texts that must not leave the machine."""

    def __init__(
        self,
        runner: Runner,
        log_files: Sequence[str],
        secrets: Callable[[], Iterable[str | None]],
    ) -> None:
        self._runner = runner
        self._log_files = log_files
        self._secrets = secrets

    def commands(self) -> Iterable[Command]:
        """Return the command."""
        prepare = self.collect_system_logs
        return [Command(name="log.collect_system_logs", kind=Kind.SYNC, prepare=prepare)]

    def collect_system_logs(self, _params: Params) -> Job:
        """Answer with :meth:`collect`."""
        return lambda _control: self.collect()

    def collect(self) -> dict[str, str]:
        """Return ``system_logs``: base64 of a gzip-compressed tar archive."""
        members = {name: self._output(argv) for name, argv in PROGRAMS}
        members |= self._files()
        secrets = tuple(s for s in self._secrets() if s)
        redacted = {name: redact(text, secrets) for name, text in members.items()}
        return {"system_logs": base64.b64encode(_archive(redacted)).decode()}

    def _output(self, argv: Sequence[str]) -> str:
        """Return what a program printed; why not, if it failed: an archive with a gap is better than none."""
        try:
            return self._runner.run(*argv, timeout_s=_PROGRAM_TIMEOUT_S).stdout
        except CommandFailed as error:
            return f"{error}\n"

    def _files(self) -> dict[str, str]:
        members = {}
        for pattern in self._log_files:
            path = Path(pattern).absolute()
            for found in sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
                members[f"files{found}"] = _end_of(found)
        return members


def _end_of(path: Path) -> str:
    """Return the last 8 MiB of a file; why not, if it cannot be read."""
    try:
        return path.read_bytes()[-_LONGEST_LOG_BYTES:].decode(errors="replace")
    except OSError as error:
        return f"{path}: {error.strerror}\n"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with every one of ``secrets``, and whatever sounds like a secret, replaced by stars."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return masked_text(text)


def _archive(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=_COMPRESSION) as archive:
        for name, text in members.items():
            content = text.encode(errors="surrogateescape")
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
