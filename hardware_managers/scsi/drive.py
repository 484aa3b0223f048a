"""What a SCSI drive says of itself: the commands that it supports, and sense data. Pure.

SPC-4: 6.35 REPORT SUPPORTED OPERATION CODES, 4.5 sense data; SBC-3: 5.30 SANITIZE, 4.11 sanitize operations.
"""

import re
from dataclasses import dataclass

from agent.errors import AgentError

_SUPPORTED = "Command is supported"
_NOT_READY, _MEDIUM_ERROR = 0x2, 0x3
_FORMATTING, _SANITIZING = (0x04, 0x04), (0x04, 0x1B)
_FORMAT_FAILED, _SANITIZE_FAILED = (0x31, 0x01), (0x31, 0x03)
_FIXED, _DESCRIPTOR = {0x70, 0x71}, {0x72, 0x73}
_SENSE_KEY_SPECIFIC = 0x02
_LEAST_BYTES = 8
_BYTES_PER_LINE = 16
_PROGRESS_SCALE = 65536


def is_announced(text: str) -> bool:
    """Say whether ``sg_opcodes --opcode=..`` calls the command supported; "not currently available" is no support."""
    return _SUPPORTED in text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """Sense data; ``percent`` = how far a running operation is, ``None`` = not told."""

    key: int
    code: tuple[int, int]
    """Additional sense code and qualifier."""
    percent: float | None

    @property
    def is_running(self) -> bool:
        """A format or a sanitize operation is running."""
        return self.key == _NOT_READY and self.code in {_FORMATTING, _SANITIZING}

    @property
    def has_failed(self) -> bool:
        """The last format or sanitize operation failed."""
        return self.key == _MEDIUM_ERROR and self.code in {_FORMAT_FAILED, _SANITIZE_FAILED}

    def __str__(self) -> str:
        return f"sense {self.key:#x}/{self.code[0]:#04x}/{self.code[1]:#04x}"


def parse_sense(text: str) -> Sense:
    """Read the bytes that ``sg_requests --hex`` prints.

    Raises:
        AgentError: They are no sense data.
    """
    data: list[int] = []
    for line in text.splitlines():
        row = re.match(r"\s*[0-9a-f]+\s{3,}((?:[0-9a-f]{2}(?:\s+|$))+)", line)
        data += [int(byte, 16) for byte in row[1].split()[:_BYTES_PER_LINE]] if row else []
    if len(data) < _LEAST_BYTES or data[0] & 0x7F not in _FIXED | _DESCRIPTOR:
        raise AgentError(f"sg_requests: no sense data: {text.strip()[:200]!r}")
    return _fixed(data) if data[0] & 0x7F in _FIXED else _described(data)


def _fixed(data: list[int]) -> Sense:
    padded = data + [0] * 18
    is_told = padded[15] & 0x80
    return Sense(
        key=padded[2] & 0xF,
        code=(padded[12], padded[13]),
        percent=_percent(padded[16:18]) if is_told else None,
    )


def _described(data: list[int]) -> Sense:
    percent, place = None, _LEAST_BYTES
    while place + 7 < len(data):
        if data[place] == _SENSE_KEY_SPECIFIC and data[place + 4] & 0x80:
            percent = _percent(data[place + 5 : place + 7])
        place += 2 + data[place + 1]
    return Sense(key=data[1] & 0xF, code=(data[2], data[3]), percent=percent)


def _percent(pair: list[int]) -> float:
    return 100.0 * (pair[0] * 256 + pair[1]) / _PROGRESS_SCALE
