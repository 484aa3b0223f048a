"""What an ATA drive says of itself: IDENTIFY DEVICE as words, and the sanitize state, as hdparm prints them. Pure.

ATA/ATAPI Command Set 3 (ACS-3, T13/2161-D): 7.12.7 IDENTIFY DEVICE data, words 59 (sanitize), 82 (feature sets), 89, 90 (erase
times), 128 (security), 217 (rotation rate); 7.36 SANITIZE DEVICE. The words are read instead of ``hdparm -I``'s text, which says
nothing of a drive that does not answer.
"""

import re
from dataclasses import dataclass

from agent.errors import AgentError

WORDS = 256
_SECTORS_PER_LINE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AtaDrive:
    """The words that decide."""

    sanitize: int
    """Word 59."""
    security: int
    """Word 128."""
    erase_time: int
    """Word 89."""
    enhanced_erase_time: int
    """Word 90."""
    rotation: int
    """Word 217: 1 = no rotating medium, 0 = not told, 0401h to FFFEh = revolutions per minute."""

    @property
    def can_sanitize(self) -> bool:
        """Word 59 bit 12."""
        return self._has(self.sanitize, 12)

    @property
    def can_scramble(self) -> bool:
        """Word 59 bit 13: CRYPTO SCRAMBLE EXT."""
        return self.can_sanitize and self._has(self.sanitize, 13)

    @property
    def can_overwrite(self) -> bool:
        """Word 59 bit 14: OVERWRITE EXT."""
        return self.can_sanitize and self._has(self.sanitize, 14)

    @property
    def can_block_erase(self) -> bool:
        """Word 59 bit 15: BLOCK ERASE EXT."""
        return self.can_sanitize and self._has(self.sanitize, 15)

    @property
    def has_security(self) -> bool:
        """Word 128 bit 0."""
        return self._has(self.security, 0)

    @property
    def is_enabled(self) -> bool:
        """Word 128 bit 1: a password is set."""
        return self._has(self.security, 1)

    @property
    def is_locked(self) -> bool:
        """Word 128 bit 2."""
        return self._has(self.security, 2)

    @property
    def is_frozen(self) -> bool:
        """Word 128 bit 3."""
        return self._has(self.security, 3)

    @property
    def is_expired(self) -> bool:
        """Word 128 bit 4: too many wrong passwords."""
        return self._has(self.security, 4)

    @property
    def can_enhanced(self) -> bool:
        """Word 128 bit 5."""
        return self.has_security and self._has(self.security, 5)

    @property
    def is_rotating(self) -> bool:
        """The drive tells a rate; flash that is older than word 217, and CompactFlash, tell 0."""
        return 0x0401 <= self.rotation <= 0xFFFE  # noqa: PLR2004  # see ``rotation``

    def erase_s(self, *, enhanced: bool) -> float | None:
        """Return the drive's estimate; ``None`` = it gives none. ACS-3, words 89 and 90: two minutes per count."""
        word = self.enhanced_erase_time if enhanced else self.erase_time
        counts = word & 0x7FFF if self._has(word, 15) else word & 0xFF
        return 120.0 * counts if counts else None

    def summary(self) -> str:
        """Return the words and what they mean, for the evidence."""
        said = {
            "security supported": self.has_security,
            "password set": self.is_enabled,
            "locked": self.is_locked,
            "frozen": self.is_frozen,
            "count expired": self.is_expired,
            "enhanced erase": self.can_enhanced,
            "sanitize": self.can_sanitize,
        }
        words = f"word 59 {self.sanitize:#06x}, word 128 {self.security:#06x}"
        return f"IDENTIFY DEVICE: {words}: {', '.join(name for name, is_so in said.items() if is_so) or 'nothing'}"

    @staticmethod
    def _has(word: int, bit: int) -> bool:
        return bool(word >> bit & 1)


def parse_identify(text: str) -> AtaDrive:
    """Read ``hdparm --Istdout``: 256 words in hexadecimal, eight a line.

    Raises:
        AgentError: There are not 256 words, or all are zero: no drive has answered.
    """
    lines = [line.split() for line in text.splitlines()]
    words = [
        int(word, 16)
        for line in lines
        if len(line) == _SECTORS_PER_LINE and all(re.fullmatch("[0-9a-f]{4}", w) for w in line)
        for word in line
    ]
    if len(words) != WORDS or not any(words):
        raise AgentError(
            f"hdparm --Istdout: the drive gave no IDENTIFY DEVICE data: {text.strip()[:200]!r}"
        )
    valid_security = words[128] if _is_told(words[128]) else 0
    return AtaDrive(
        sanitize=words[59] if _is_told(words[59]) else 0,
        security=valid_security,
        erase_time=words[89],
        enhanced_erase_time=words[90],
        rotation=words[217],
    )


def _is_told(word: int) -> bool:
    """Say whether a word means something: neither all zeros nor all ones."""
    return word not in {0, 0xFFFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class SanitizeState:
    """SANITIZE STATUS EXT: ``state`` is 0 (idle) to 4 (succeeded); ``percent`` of a running operation."""

    state: int
    is_done: bool
    """The last operation completed without error."""
    percent: float | None
    text: str

    @property
    def is_frozen(self) -> bool:
        """State SD1."""
        return self.state == 1

    @property
    def is_running(self) -> bool:
        """State SD2."""
        return self.state == 2  # noqa: PLR2004  # ACS-3, 4.17.9: states of the sanitize state machine

    @property
    def has_failed(self) -> bool:
        """State SD3."""
        return self.state == 3  # noqa: PLR2004  # as above


def parse_sanitize_status(text: str) -> SanitizeState:
    """Read ``hdparm --sanitize-status``.

    Raises:
        AgentError: It names no state: then nothing is known, least of all success.
    """
    found = re.search(r"State:\s*SD([0-4])\b", text)
    if found is None:
        raise AgentError(f"hdparm --sanitize-status: output not understood: {text.strip()[:200]!r}")
    progress = re.search(r"Progress:\s*(0x[0-9a-fA-F]+)", text)
    return SanitizeState(
        state=int(found[1]),
        is_done="Completed Without Error" in text,
        percent=None if progress is None else 100.0 * int(progress[1], 16) / 65536,
        text=text.strip(),
    )
