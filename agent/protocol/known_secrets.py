"""Secrets whose values are known, masked wherever somebody quotes them: a password has no name in "cannot log in with geheim".

What ``masking.py`` finds by names and forms is masked there. Here stand the values themselves, also as they look in URLs, JSON
and printed texts. A short one counts only as a whole word, or ``a`` would hide every ``a``. Pure.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from agent.protocol.secret_names import MASK

_WHOLE_WORD_BELOW = 6
"""Letters; what is shorter stands in too many words by chance."""
_PIECE = re.compile(r"[A-Za-z0-9+/_-]{24,}")
"""A run of base64 that is long enough to be known again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSecrets:
    """Values that must not be shown."""

    everywhere: frozenset[str] = field(default=frozenset(), repr=False)
    """Made for one boot, so nothing else is called like them by chance: tokens, a rescue password."""
    in_sentences: frozenset[str] = field(default=frozenset(), repr=False)
    """Chosen by somebody and perhaps a name too (a BMC's password is often the machine's serial number): masked in texts for
    people, and left alone in the single words of a document, which programs read."""
    packed: str | None = field(default=None, repr=False)
    """A long text in base64; pieces of it are masked in texts for people."""

    def text(self, text: str) -> str:
        """Return a text for people without the secrets."""
        found = self.everywhere | self.in_sentences
        masked = _pattern(found).sub(MASK, text) if found else text
        if not self.packed:
            return masked
        packed = self.packed
        return _PIECE.sub(lambda piece: MASK if piece[0] in packed else piece[0], masked)

    def texts(self, value: Any) -> Any:
        """Return a document whose texts are all for people, without the secrets."""
        return _each_text(value, self.text)

    def document(self, value: Any) -> Any:
        """Return a document for programs: in texts of several words every secret is masked, in single words those of one boot."""
        words = replace(self, in_sentences=frozenset(), packed=None)
        return _each_text(value, lambda text: (self if " " in text else words).text(text))

    def longest(self) -> int:
        """Return how many bytes a secret has at most, in any of its forms."""
        return max(map(len, _forms(self.everywhere | self.in_sentences)), default=0)

    def stars(self, data: bytes) -> bytes:
        """Return data of the same length, with a star for every byte of a secret."""
        found = self.everywhere | self.in_sentences
        if not found:
            return data
        return _byte_pattern(found).sub(lambda match: b"*" * len(match[0]), data)


def _each_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_each_text(item, change) for item in value]
    return value


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(_expressions(secrets)))


@lru_cache(maxsize=8)
def _byte_pattern(secrets: frozenset[str]) -> re.Pattern[bytes]:
    return re.compile("|".join(_expressions(secrets)).encode("utf-8", "surrogatepass"))


def _expressions(secrets: frozenset[str]) -> Iterator[str]:
    """Yield the expression of every form, the longest first: one may be the beginning of another."""
    for form in sorted(_forms(secrets), key=lambda one: (-len(one), one)):
        is_word = len(form) < _WHOLE_WORD_BELOW
        before = r"(?<!\w)" if is_word and re.match(r"\w", form) else ""
        after = r"(?!\w)" if is_word and re.search(r"\w\Z", form) else ""
        yield f"{before}{re.escape(form)}{after}"


def _forms(secrets: frozenset[str]) -> set[str]:
    """Return the secrets as they are, in URLs, in JSON and as Python prints them."""
    made = set()
    for secret in secrets:
        plain = secret.encode("utf-8", "replace").decode()
        made |= {secret, quote(plain, safe=""), quote(plain), quote_plus(plain)}
        made |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        made.add(repr(secret)[1:-1])
    return made - {""}
