"""``log.collect_system_logs``: what somebody needs to see who was not there, as a compressed archive.

Secrets stay out: the agent token and the passwords of the kernel command line are replaced wherever they appear.
"""

import base64
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.commands.command import Command, Job, Kind, Params
from agent.errors import CommandFailed
from agent.protocol.masking import masked_text
from agent.protocol.secret_names import MASK
from agent.system.runner import Runner

_UDEV = "udev-export"
PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dmesg", ("dmesg",)),
    ("lsblk", ("lsblk", "--all", "--output", "NAME,KNAME,MODEL,SIZE,ROTA,TYPE,FSTYPE,SERIAL,TRAN")),
    ("lsblk-full", ("lsblk", "--all", "--bytes", "--output-all", "--pairs")),
    ("blkid", ("blkid",)),
    ("df", ("df", "--all")),
    ("efibootmgr", ("efibootmgr", "-v")),
    ("ip_addr", ("ip", "-details", "address")),
    ("ip_neighbours", ("ip", "neighbour")),
    ("ip_route", ("ip", "route", "show", "table", "all")),
    ("iptables", ("iptables", "-L")),
    ("lshw", ("lshw", "-quiet", "-json")),
    ("mount", ("mount",)),
    ("multipath", ("multipath", "-ll")),
    ("parted", ("parted", "-l")),
    ("ps", ("ps", "-ef")),
    (_UDEV, ("udevadm", "info", "--export-db")),
)
"""Names of Ironic's agent where it has them. Some programs are not in every ramdisk; the archive says so in their place."""
LOG_FILES: tuple[str, ...] = (
    "/proc/cmdline",
    "/proc/mdstat",
    "/proc/meminfo",
    "/proc/modules",
    "/var/log/*.log",
    "/run/ingot/boot.log",
    "/run/ingot/sshd.log",
    "/run/ingot/net/*.log",
)
"""There is no journal in our ramdisk: its logs are files."""
_MDSTAT = "/proc/mdstat"
SUMMARY = "summary.txt"
_PROGRAM_TIMEOUT_S = 15
_AT_ONCE = 6
"""A controller waits 30 s for the answer."""
_LONGEST_MEMBER_BYTES = (8 << 20, 1 << 20, 128 << 10)
_MOST_PACKED_BYTES = 5 << 20
"""Of an archive; if it would be longer, the ends of its members are taken. In base64 it fits into an inspection's result."""
_COMPRESSION = 3  # the highest takes seconds on a slow processor and saves little
_CUT = "[the first {} bytes are left out]\n"


class SystemLogs:
    """The command and what it needs; ``secrets`` returns texts that must not leave the machine, ``summary`` the first page (``None`` = there is none)."""

    def __init__(
        self,
        runner: Runner,
        log_files: Sequence[str],
        secrets: Callable[[], Iterable[str | None]],
        summary: Callable[[], str] | None = None,
    ) -> None:
        self._runner = runner
        self._log_files = log_files
        self._secrets = secrets
        self._summary = summary

    def commands(self) -> Iterable[Command]:
        """Return the command."""
        prepare = self.collect_system_logs
        return [Command(name="log.collect_system_logs", kind=Kind.SYNC, prepare=prepare)]

    def collect_system_logs(self, _params: Params) -> Job:
        """Answer with :meth:`collect`."""
        return lambda _control: self.collect()

    def collect(self) -> dict[str, str]:
        """Return ``system_logs``: base64 of a gzip-compressed tar archive of at most 5 MiB, the summary first."""
        secrets = tuple(s for s in self._secrets() if s)
        redacted = {name: redact(text, secrets) for name, text in self._members().items()}
        return {"system_logs": base64.b64encode(pack(redacted)).decode()}

    def _members(self) -> dict[str, str]:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="logs") as pool:
            first = [] if self._summary is None else [(SUMMARY, pool.submit(self._summary))]
            outputs = [(name, pool.submit(self._output, argv)) for name, argv in PROGRAMS]
        members = {name: written.result() for name, written in (*first, *outputs)}
        members["mdstat"] = _end_of(Path(_MDSTAT))
        return members | self._files() | udev_members(members[_UDEV])

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


def udev_members(export: str) -> dict[str, str]:
    """Return ``udev/<kernel name>`` with the properties as JSON, for each block device of ``udevadm info --export-db`` (systemd 252)."""
    members = {}
    for record in export.split("\n\n"):
        lines = [line.partition(": ") for line in record.splitlines()]
        pairs = (value.partition("=") for kind, _, value in lines if kind == "E")
        facts = {name: value for name, _, value in pairs}
        names = [value for kind, _, value in lines if kind == "N"]
        if facts.get("SUBSYSTEM") == "block" and names:
            kernel_name = names[0].replace("/", "!")
            members[f"udev/{kernel_name}"] = json.dumps(facts, indent=1, sort_keys=True)
    return members


def _end_of(path: Path) -> str:
    """Return the last 8 MiB of a file; why not, if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _LONGEST_MEMBER_BYTES[0], 0))
            return file.read(_LONGEST_MEMBER_BYTES[0]).decode(errors="replace")
    except OSError as error:
        return f"{path}: {error.strerror}\n"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with every one of ``secrets``, and whatever sounds like a secret, replaced by stars."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return masked_text(text)


def pack(members: Mapping[str, str]) -> bytes:
    """Return an archive of the members in their order; of long ones the end, and that they were cut, so that it stays in its limit."""
    packed = b""
    for most_bytes in _LONGEST_MEMBER_BYTES:
        packed = _archive(members, most_bytes)
        if len(packed) <= _MOST_PACKED_BYTES:
            break
    return packed


def _archive(members: Mapping[str, str], most_bytes: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=_COMPRESSION) as archive:
        for name, text in members.items():
            content = text.encode(errors="surrogateescape")
            if left_out := max(len(content) - most_bytes, 0):
                content = _CUT.format(left_out).encode() + content[left_out:]
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
