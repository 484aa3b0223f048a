"""The one door for what others say: agents, BMCs, servers of images, machines that boot, strangers.

Whatever of it is stored, shown or logged passes here first. Afterwards it has no NUL and no lone surrogates (which
databases refuse), nothing that rewrites a terminal or turns its text around, no secrets, and a bounded length; a text that
was cut says so. Documents are bounded in depth and size, and hold only numbers that JSON and databases know. Pure.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.protocol.masking import masked_text

MOST_CHARS = 2000
"""Of a message; enough for the end of a traceback."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tabulator and line feed
    "\ud800-\udfff"  # lone surrogates: undecodable bytes, halves of pairs
    "\u200e\u200f\u2028-\u202e\u2066-\u2069"  # separators of lines, marks that turn text around
    "\ufeff\ufff9-\ufffb\ufffe\uffff]+"
)
_MARK = " [... {} characters left out]"
_WINDOW = 65_536
"""So many characters beyond the bound are still looked at, so that a secret is masked whole before it is cut."""
_HIGHEST_INT = 2**63 - 1
_LOWEST_INT = -(2**63)
_WIDEST_INT_BITS = 1024
"""Longer integers are told by their length: Python refuses to print very long ones."""


class UnfitDocument(ValueError):
    """A document is no JSON, is nested too deeply or has too many parts; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How large a foreign document may be."""

    most_depth: int = 32
    """Levels of objects and lists."""
    most_parts: int = 100_000
    """Values of every level, keys counted too."""
    most_chars: int = 65_536
    """Of one text; what is longer is cut."""
    most_key_chars: int = 255
    most_marks: int = 500_000
    """Commas and brackets of its text, those inside of texts too."""


def clean_text(text: object, most_chars: int = MOST_CHARS) -> str:
    """Return what may be stored and shown of a foreign text; line breaks and tabulators stay.

    Args:
        text: The text; bytes are read as UTF-8, other values are printed.
        most_chars: Longest result in characters, the mark of what was left out included; at least 64.
    """
    return _shortened(masked_text(_fit(_window(text, most_chars))), text, most_chars)


def clean_line(text: object, most_chars: int = MOST_CHARS) -> str:
    """Return a foreign text as one line: every run of white space is one blank; else as :func:`clean_text`."""
    line = " ".join(_fit(_window(text, most_chars)).split())
    return _shortened(masked_text(line), text, most_chars)


def clean_document(value: Any, bounds: Bounds | None = None) -> Any:
    """Return a foreign JSON document as it may be stored: keys and texts cleaned, numbers that fit.

    Texts are cleaned as :func:`clean_text` does but keep their secrets, because programs read them; mask what is shown.
    Numbers that no database holds (NaN, infinite, beyond 64 bits) become texts of them, which no numeric field takes.

    Raises:
        UnfitDocument: It is too deep or has too many parts.
    """
    return _Cleaner(bounds or Bounds()).clean(value, 0)


def read_document(body: bytes, bounds: Bounds | None = None) -> Any:
    """Decode and clean a foreign JSON document.

    The parts are counted before anything is made of them: 16 MB of ``[[],[],...`` would become 300 MB of lists.

    Raises:
        UnfitDocument: It is no JSON, too deep, or has too many parts.
    """
    bounds = bounds or Bounds()
    if sum(map(body.count, (b",", b"[", b"{"))) > bounds.most_marks:
        raise UnfitDocument(f"it has more than {bounds.most_marks} commas and brackets")
    try:
        value = _decode(body)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError):
            text = f"it is nested more than {bounds.most_depth} levels deep"
            raise UnfitDocument(text) from error
        raise UnfitDocument(f"it is no JSON: {clean_line(error, 200)}") from error
    return clean_document(value, bounds)


def _decode(body: bytes) -> Any:
    """Decode JSON, also such that only a lenient reader takes: undecodable bytes, halves of surrogate pairs, NaN."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(body.decode(errors="replace"))


class _Cleaner:
    """Walks one document; counts its parts."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._parts_left = bounds.most_parts

    def clean(self, value: Any, depth: int) -> Any:
        self._count(depth)
        if isinstance(value, Mapping):
            return {self.key(key): self.clean(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(item, depth + 1) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _fit_number(value)
        return self.text(value if isinstance(value, str) else str(value))

    def key(self, key: object) -> str:
        self._count(0)
        return _shortened(_fit(str(key)), key, self._bounds.most_key_chars)

    def text(self, text: str) -> str:
        return _shortened(_fit(text), text, self._bounds.most_chars)

    def _count(self, depth: int) -> None:
        if depth > self._bounds.most_depth:
            raise UnfitDocument(f"it is nested more than {self._bounds.most_depth} levels deep")
        self._parts_left -= 1
        if self._parts_left < 0:
            raise UnfitDocument(f"it has more than {self._bounds.most_parts} parts")


def _window(text: object, most_chars: int) -> str:
    if isinstance(text, bytes | bytearray):
        return bytes(text[: 4 * (most_chars + _WINDOW)]).decode(errors="replace")
    return (text if isinstance(text, str) else str(text))[: most_chars + _WINDOW]


def _fit(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _UNFIT.sub(_REPLACEMENT, text.replace("\r\n", "\n"))


def _shortened(clean: str, original: object, most_chars: int) -> str:
    whole = len(original) if isinstance(original, str | bytes | bytearray) else len(clean)
    if len(clean) <= most_chars and whole <= most_chars + _WINDOW:
        return clean
    room = max(most_chars - len(_MARK) - len(str(whole)), 0)
    return clean[:room] + _MARK.format(max(whole - room, 1))


def _fit_number(value: float) -> float | str:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if _LOWEST_INT <= value <= _HIGHEST_INT:
        return value
    bits = value.bit_length()
    return str(value) if bits <= _WIDEST_INT_BITS else f"a number of {bits} bits"
