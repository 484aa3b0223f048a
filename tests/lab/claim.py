"""One file and one lock per subnet: which labs exist, and which of them are dead.

A lab holds an exclusive flock on /run/ingot-lab/<number>.lock while its process lives; the kernel lets go of it however
the process ends. Whoever gets the lock of a file that still names a namespace has found the leftovers of a dead lab.
"""

import fcntl
import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab import namespace
from tests.lab.errors import LabError
from tests.lab.program import run

_FOLDER = Path("/run/ingot-lab")
_NUMBERS = range(1, 250)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What a lab has on this computer and must not leave behind."""

    namespace: str
    host_link: str
    scratch: str


class Claim:
    """The right to use subnet ``number``, held until ``release``."""

    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self._descriptor = descriptor

    def write(self, belongings: Belongings) -> None:
        """Record what the lab is about to create; before it does, so that nothing is ever unknown."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(asdict(belongings)).encode(), 0)

    def clean_up(self) -> str | None:
        """Remove what is recorded; return the namespace's name if there was anything."""
        text = os.pread(self._descriptor, 4096, 0)
        if not text:
            return None
        left = Belongings(**json.loads(text))
        namespace.remove(left.namespace)
        if Path("/sys/class/net", left.host_link).exists():
            # Deleting the namespace removes the veth pair a moment later; either may win.
            with suppress(LabError):
                run("ip", "link", "delete", left.host_link)
        shutil.rmtree(left.scratch, ignore_errors=True)
        os.ftruncate(self._descriptor, 0)
        return left.namespace

    def release(self) -> None:
        """Give the subnet back."""
        os.close(self._descriptor)


def claim(number: int) -> Claim | None:
    """Take subnet ``number`` unless a living lab has it."""
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(_FOLDER / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Claim(number, descriptor)


def claim_free() -> Claim:
    """Take the first subnet that no living lab has, after removing what a dead one left there."""
    for number in _NUMBERS:
        if (mine := claim(number)) is not None:
            mine.clean_up()
            return mine
    raise LabError(f"all {len(_NUMBERS)} lab networks are in use; stop a lab")


def sweep() -> list[str]:
    """Remove what dead labs left; return the names of their namespaces."""
    swept = []
    for path in sorted(_FOLDER.glob("*.lock")):
        if (found := claim(int(path.stem))) is None:
            continue
        try:
            name = found.clean_up()
        finally:
            found.release()
        if name:
            swept.append(name)
    return swept
