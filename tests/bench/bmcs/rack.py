"""A process that plays many BMCs, from both of its sides.

Its first line of standard input is the plan, its first line of output says that it serves; to each further line it answers
with the times at which machines were switched on. The end of its input is its end.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.bench.bmcs.plan import ADDRESS, BenchBmc, Fault, Protocol
from tests.lab.program import run

_ROOT = Path(__file__).resolve().parents[3]
_MODULES = {
    Protocol.IPMI: "tests.bench.bmcs.ipmi_rack",
    Protocol.REDFISH: "tests.bench.bmcs.redfish_rack",
}


def read_plan() -> tuple[BenchBmc, ...]:
    """Return the plan; the rack's side."""
    return tuple(
        BenchBmc(
            number=one["number"], protocol=Protocol(one["protocol"]), fault=Fault(one["fault"])
        )
        for one in json.loads(sys.stdin.readline())
    )


def say(line: str) -> None:
    """Write one line to standard output at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say_ready() -> None:
    """Say that it serves; the rack's side."""
    say("ready")


def answer_line(on_at: Mapping[str, float | None]) -> bool:
    """Answer one line with the times; false = there are no more lines. The rack's side."""
    if not sys.stdin.readline():
        return False
    say(json.dumps(on_at))
    return True


class Rack:
    """A running rack."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Return the number of its process."""
        return self._process.pid

    def on_at(self) -> dict[str, float | None]:
        """Return when each machine was switched on (``time.monotonic()``); ``None`` = it is off."""
        _tell(self._process, "?")
        return dict(json.loads(self._line()))

    def wait(self) -> None:
        """Wait until it serves."""
        self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a rack of BMCs has ended; its words are above")
        return line


@contextmanager
def racks(bmcs: Sequence[BenchBmc], certificate: Path) -> Iterator[Sequence[Rack]]:
    """Run one process for all BMCs of a protocol."""
    running: list[subprocess.Popen[str]] = []
    try:
        for protocol in Protocol:
            plan = [asdict(one) for one in bmcs if one.protocol is protocol]
            if not plan:
                continue
            words = [str(certificate)] if protocol is Protocol.REDFISH else []
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULES[protocol], *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=_ROOT,
            )
            running.append(process)
            _tell(process, json.dumps(plan))
        made = [Rack(process) for process in running]
        for rack in made:
            rack.wait()
        yield made
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def make_certificate(folder: Path) -> Path:
    """Write a certificate with its key for the address of all BMCs; a client trusts it by this file."""
    key, certificate, both = folder / "bmc.key", folder / "bmc.crt", folder / "bmc.pem"
    kind = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    name = ("-days", "30", "-subj", "/CN=bmc", "-addext", f"subjectAltName=IP:{ADDRESS}")
    run("openssl", *kind, *name, "-keyout", str(key), "-out", str(certificate))
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both
