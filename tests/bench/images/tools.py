"""The programs that are measured: ours and the others, each with the cases it can do and its command line. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.options import SPARSE_CASES

OURS = "ingot"
REAL_AGENT = "ironic-python-agent"
C_LOOP = "one-thread C loop"
TEE = "curl | tee >(sha256sum) | dd"
QEMU_IMG = "qemu-img convert -m 1, HTTP"
QEMU_IMG_DEFAULT = "qemu-img convert, HTTP"
ZSTD_PIPE = "curl | zstdcat | dd conv=sparse"
GZIP_PIPE = "curl | gzip -dc | dd"
XZ_PIPE = "curl | xz -T0 -dc | dd"

_QCOW2 = ("qcow2", "qcow2-zlib", "qcow2-zstd")
_STALL_LIMIT_S = 30.0
"""With its usual 8 requests at once qemu-img often stalls for ever over HTTP; with one it does not."""
_DD = "dd of={device} bs=1M iflag=fullblock conv={conv}fsync status=none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One image to write; ``scratch`` is a folder in memory, as a ramdisk's /tmp is."""

    case: str
    url: str
    sha256: str
    device: str
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What was found or built on this machine; ``None`` = not there. ``has_qemu_http``: qemu-img can read from URLs."""

    python: str
    real_agent: Path | None
    c_loop: Path | None
    has_qemu_http: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program.

    ``checks`` = it compares the image's checksum; ``limit_s`` = a time limit of its own. A tool that ran into its limit is
    not run again in that case.
    """

    name: str
    cases: tuple[str, ...]
    command: Callable[[Job], list[str]]
    checks: bool = True
    limit_s: float = math.inf
    environment: Callable[[Job], dict[str, str]] = field(default=lambda _job: {})


def all_tools(programs: Programs) -> tuple[Tool, ...]:
    """Return every tool that can run here, ours first."""
    tools = [
        Tool(
            name=OURS,
            cases=("raw", *_QCOW2, "raw.gz", "raw.xz", "raw.zst", *SPARSE_CASES),
            command=_ours(programs),
        )
    ]
    if programs.real_agent is not None:
        tools.append(
            Tool(
                name=REAL_AGENT,
                cases=("raw", *_QCOW2),
                command=_real_agent(programs.real_agent),
                environment=lambda job: {"TMPDIR": str(job.scratch)},
            )
        )
    if programs.c_loop is not None:
        tools.append(Tool(name=C_LOOP, cases=("raw",), command=_c_loop(programs.c_loop)))
    tools.append(Tool(name=TEE, cases=("raw",), command=_tee))
    if programs.has_qemu_http:
        tools += _qemu_tools()
    for name, cases, unpack, conv in (
        (GZIP_PIPE, ("raw.gz",), "gzip -dc", ""),
        (XZ_PIPE, ("raw.xz",), "xz -T0 -dc", ""),
        (ZSTD_PIPE, ("raw.zst", "sparse.zst"), "zstdcat", "sparse,"),
    ):
        tools.append(Tool(name=name, cases=cases, command=_pipe(unpack, conv), checks=False))
    return tuple(tools)


def _qemu_tools() -> list[Tool]:
    variants = ((QEMU_IMG, "-m 1 ", math.inf), (QEMU_IMG_DEFAULT, "", _STALL_LIMIT_S))
    return [
        Tool(
            name=name,
            cases=(*_QCOW2, "sparse-qcow2"),
            command=_qemu_img(option),
            checks=False,
            limit_s=limit_s,
        )
        for name, option, limit_s in variants
    ]


def _ours(programs: Programs) -> Callable[[Job], list[str]]:
    start = [programs.python, "-m", "tests.bench.images.ours"]
    return lambda job: [*start, job.url, job.sha256, job.device]


def _real_agent(python: Path) -> Callable[[Job], list[str]]:
    start = [str(python), str(Path(__file__).with_name("real_agent.py"))]

    def command(job: Job) -> list[str]:
        mode, disk_format = ("stream", "raw") if job.case == "raw" else ("file", "qcow2")
        return [*start, mode, job.url, job.sha256, job.device, disk_format]

    return command


def _c_loop(program: Path) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        url = urlsplit(job.url)
        return [
            str(program),
            url.hostname or "",
            str(url.port or 80),
            url.path,
            job.sha256,
            job.device,
        ]

    return command


def _shell(script: str) -> list[str]:
    return ["bash", "-o", "pipefail", "-ec", script]


def _tee(job: Job) -> list[str]:
    """Return the pipe with a named pipe in place of ``>(...)``, so that the shell can wait for the digest."""
    fifo, digest = job.scratch / "fifo", job.scratch / "digest"
    dd = _DD.format(device=job.device, conv="")
    return _shell(
        f"mkfifo {fifo}; sha256sum <{fifo} >{digest} & "
        f"curl -sSf {job.url} | tee {fifo} | {dd}; wait $!; grep -q ^{job.sha256} {digest}"
    )


def _pipe(unpack: str, conv: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        dd = _DD.format(device=job.device, conv=conv)
        return _shell(f"curl -sSf {job.url} | {unpack} | {dd}")

    return command


def _qemu_img(option: str) -> Callable[[Job], list[str]]:
    start = f"qemu-img convert {option}-n -t none -f qcow2 -O host_device"
    return lambda job: _shell(f"{start} {job.url} {job.device}; sync {job.device}")
