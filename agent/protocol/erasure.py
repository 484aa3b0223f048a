"""What was done to erase a disk and how it was checked, as it travels and as certificates are made of it.

The levels are those of NIST SP 800-88 Rev. 2 (sections 3.1.1 Clear, 3.1.2 Purge) and IEEE 2883-2022; ``destroy-keys`` is
cryptographic erasure (Rev. 2, section 3.2), named apart because it counts as purge only under conditions that no program can
see (section 3.2.5: nothing was stored in plain text before, the module is validated, the keys have 128 bits of strength).
Destruction of the medium is no business of a program.
"""

from enum import StrEnum

import msgspec

STEP_KEY = "erasure"
"""Key of the report in a step's result, beside Ironic's keys (one per disk)."""
MOST_LOG_CHARS = 4000
"""Of a drive's own log in a report."""


class EraseLevel(StrEnum):
    """How sure it is that nothing can be read again; larger demands include smaller ones by the sets of a plan, not by order."""

    CLEAR = "clear"
    PURGE = "purge"
    DESTROY_KEYS = "destroy-keys"


class ErasureState(StrEnum):
    """How it ended for a disk."""

    ERASED = "erased"
    FAILED = "failed"
    """Also: refused, stopped, or not shown to be erased."""
    LEFT_ALONE = "left alone"
    """On purpose: the skip list, read-only media that may be skipped, virtual media."""


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was read after the erasure where random bytes had been written and read before; counts blocks of ``block_bytes``.

    The blocks are the whole first and last MiB and ``places`` random ones between.
    """

    block_bytes: int
    blocks: int
    places: int
    zeros: int
    changed: int
    """Something else than zeros, and not what had been there."""
    same: int
    """What had been there: the erasure did not reach it. Above 0 is a failure."""
    unknown: int
    """Not zeros, and not known whether it was there before: the disk could not be marked. Above 0 is a failure."""
    unreadable: int
    """They show nothing: what is in them may be read again by other means. Above 0 is a failure."""
    expected: str
    """``zeros`` or ``changed``: what the method promises."""


class DiskErasure(msgspec.Struct, frozen=True, kw_only=True):
    """One disk. Times are seconds since the epoch by the ramdisk's clock; ``None`` = not known or not done."""

    path: str
    state: ErasureState
    detail: str
    """In a sentence: what was done, or why not."""
    size_bytes: int
    sector_bytes: int
    is_rotational: bool
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    wwn: str | None = None
    transport: str | None = None
    level_asked: str | None = None
    levels: list[str] = []
    """What the method reaches; empty unless ``state`` is ``erased``."""
    manager: str | None = None
    method: str | None = None
    command: str | None = None
    log_before: str | None = None
    log_after: str | None = None
    read_back: ReadBack | None = None
    started_at: float | None = None
    ended_at: float | None = None


class ErasureReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a step did to the machine's disks."""

    step: str
    level_asked: str | None
    """``None`` = metadata only, which reaches no level."""
    disks: list[DiskErasure]
    tools: dict[str, str] = {}
    """Name and version of the agent and its hardware managers."""
