r"""Files that list checksums, in the forms in which people and programs write them. Pure: bytes in, a digest out.

Read are, one line each, a name with or without folders (``/`` or ``\``), digits in any case:

- ``HEX  name``, ``HEX *name`` (GNU coreutils; a backslash before the line says that the name is escaped),
- ``SHA256 (name) = HEX`` (BSD, ``sha256sum --tag``), ``SHA2-256(name)= HEX`` (OpenSSL),
- ``sha256:HEX  name``, ``SHA256 HEX name`` (PowerShell's ``Get-FileHash``),
- ``name HEX``, ``name: HEX``, ``name: sha256:HEX``,
- ``HEX``, ``sha256:HEX``, ``SHA256: HEX``, ``HEX  -``: without a name, valid where a file holds nothing else.

Comments are skipped, signatures around the list (RFC 9580, section 7) are skipped and not verified. UTF-8 and UTF-16, with and
without a byte order mark.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.protocol.refusal import Refusal

DIGITS_OF = {"sha512": 128, "sha384": 96, "sha256": 64, "md5": 32}
"""Hexadecimal digits of the algorithms that decide about an image, the strongest first."""
ALGORITHM_OF = {digits: name for name, digits in DIGITS_OF.items()}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE_END = re.compile("\r\n|\n|\r")
_HEX = r"(?P<digest>[0-9A-Fa-f]{32,128})"
_ALGORITHM = r"(?P<algorithm>(?:sha|md|sm|rmd|ripemd|blake|b2)[A-Za-z0-9/_-]*)"
_WORD = re.compile(_ALGORITHM, re.IGNORECASE)
_LISTED = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"(?P<escaped>\\?){_ALGORITHM} ?\((?P<name>.+)\) ?= ?{_HEX}\s*",
        rf"(?P<escaped>\\?)(?:{_ALGORITHM}:)?{_HEX} [ *](?P<name>.+)",
        rf"\s*(?:{_ALGORITHM}(?:[:=]|\s)\s*)?{_HEX}\s+\*?(?P<name>\S.*)",
        rf"\s*(?:{_ALGORITHM}\s*(?:[:=]|\s)\s*)?{_HEX}\s*",
        rf"\s*(?P<name>\S.*?)(?:\s{{0,99}}[:=]\s{{0,99}}|\s{{1,99}})(?:{_ALGORITHM}:)?{_HEX}\s*",
    )
)
"""In the order of precedence; a line that begins with a digest is never one that ends with it."""
_GNU = _LISTED[1]
"""What stands behind this separator is a file, also one that is called like an algorithm."""
_COMMENT = re.compile(r"\s*(?:[#;].*)?", re.DOTALL)
_ARMOUR_BEGIN, _ARMOUR_SIGNATURE = "-----BEGIN PGP SIGNED MESSAGE", "-----BEGIN PGP SIGNATURE"
_ARMOUR_END = "-----END PGP SIGNATURE"
_ARMOUR_KEY = re.compile(r"(?:Hash|Charset|Comment|Version|NotDashEscaped): .*")
_TABLE_HEAD = re.compile(r"\s*(?:Algorithm\s+Hash\s+Path|-+\s+-+\s+-+)\s*")
_NO_NAME = ("-", "stdin")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_SHOWN_NAMES = 5
_LONGEST_ALGORITHM = len("SHA2-512/256")
_LONGEST_LINE = 8192
"""Linux, ``PATH_MAX`` is 4096 bytes, and escaping can double it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of a checksum file: ``algorithm`` as :mod:`hashlib` writes it, ``digest`` in lower case.

    ``algorithm`` is empty where neither the line nor the number of digits tells it; ``name`` is ``None`` where the line has
    none, else as it stands there.
    """

    algorithm: str
    digest: str
    name: str | None

    def is_of(self, file_name: str) -> bool:
        """Whether the line is about a file of this name, in whatever folder."""
        if self.name is None:
            return False
        names = (self.name, self.name.strip())
        return any(
            file_name in (name, name.rpartition("/")[2], re.split(r"[/\\]", name)[-1])
            for name in names
        )


def decode(data: bytes) -> str:
    """Return a checksum file's text; bytes that are no UTF-8 become lone surrogates (``surrogateescape``)."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            errors = "surrogateescape" if encoding == "utf-8" else "replace"
            return data[len(mark) :].decode(encoding, errors)
    if b"\0" in data[:2] and len(data) % 2 == 0:  # hexadecimal digits and spaces are ASCII
        return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le", "replace")
    return data.decode("utf-8", "surrogateescape")


def normal_algorithm(text: str) -> str:
    """Return an algorithm's name without the marks that people put into it: ``SHA2-256`` is ``sha256``."""
    plain = re.sub(r"[-_ ]", "", text.lower())
    return {"sha2256": "sha256", "sha2384": "sha384", "sha2512": "sha512"}.get(plain, plain)


def parse(text: str) -> tuple[tuple[Listed, ...], bool]:
    """Return what a checksum file lists, in its order, and whether every line was understood."""
    listed: list[Listed] = []
    understood = True
    for line in _lines(text):
        patterns = _LISTED if len(line) <= _LONGEST_LINE else ()
        found = next((m for pattern in patterns if (m := pattern.fullmatch(line))), None)
        if found is None:
            understood = understood and _TABLE_HEAD.fullmatch(line) is not None
        else:
            listed.append(_listed(found))
    return tuple(listed), understood


def find(text: str, file_name: str, where: str, wanted: str = "") -> Listed:
    """Return the checksum of one file.

    Args:
        text: The checksum file.
        file_name: What to look for.
        where: Names the checksum file in messages.
        wanted: Algorithm; empty = the strongest that is listed.

    Raises:
        Refusal: The file is not listed, with another algorithm only, or with different digests.
    """
    listed, understood = parse(text)
    mine = [one for one in listed if one.is_of(file_name)]
    if not mine and understood and all(one.name is None for one in listed):
        mine = list(listed)
    if not mine:
        names = [_shown(one.name) for one in listed if one.name is not None]
        rest = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        shown = ", ".join(names[:_SHOWN_NAMES]) + rest or "nothing"
        raise Refusal(f"{where}: does not list {_shown(file_name)}; it lists {shown}")
    algorithm = wanted or next((a for a in DIGITS_OF if any(m.algorithm == a for m in mine)), "")
    usable = [one for one in mine if one.algorithm == algorithm]
    if not algorithm or not usable:
        kinds = ", ".join(sorted({one.algorithm or "an unknown algorithm" for one in mine}))
        raise Refusal(
            f"{where}: lists {_shown(file_name)} with {kinds} only; wanted is"
            f" {wanted or 'sha256 or sha512'}; publish that, or give it as the value"
        )
    if (count := len({one.digest for one in usable})) > 1:
        raise Refusal(
            f"{where}: lists {_shown(file_name)} with {count} different checksums ({algorithm});"
            " give the right one as the value instead of this file's URL"
        )
    digits = DIGITS_OF.get(algorithm, len(usable[0].digest))
    if len(usable[0].digest) != digits:
        raise Refusal(
            f"{where}: lists {_shown(file_name)} with {len(usable[0].digest)} hexadecimal digits, a"
            f" {algorithm} has {digits}; the file is cut off or damaged"
        )
    return usable[0]


def _lines(text: str) -> Iterator[str]:
    """Yield the lines that may list something: no comments, no signature, dashes of the armour undone."""
    in_armour = in_head = in_signature = False
    for line in _LINE_END.split(text.removeprefix("\ufeff")):
        if line.startswith(_ARMOUR_BEGIN):
            in_armour = in_head = True
        elif line.startswith((_ARMOUR_SIGNATURE, _ARMOUR_END)):
            in_armour, in_signature = False, line.startswith(_ARMOUR_SIGNATURE)
        elif in_signature:
            continue
        elif in_head and (not line.strip() or _ARMOUR_KEY.fullmatch(line)):
            in_head = bool(line.strip())
        else:
            in_head = False
            plain = line.removeprefix("- ") if in_armour else line
            if not _COMMENT.fullmatch(plain):
                yield plain


def _listed(found: re.Match[str]) -> Listed:
    parts = found.groupdict()
    digest, name = parts["digest"].lower(), parts.get("name")
    algorithm = normal_algorithm(parts["algorithm"] or "")
    is_name = found.re is _GNU or bool(parts.get("escaped"))
    if name is not None and not algorithm and not is_name and _is_algorithm(name):
        algorithm, name = normal_algorithm(name), None
    if name is not None and parts.get("escaped"):
        name = re.sub(r"\\[\\nr]", lambda pair: _ESCAPES[pair[0]], name)
    return Listed(
        algorithm=algorithm or ALGORITHM_OF.get(len(digest), ""),
        digest=digest,
        name=None if name in _NO_NAME else name,
    )


def _is_algorithm(word: str) -> bool:
    return len(word) <= _LONGEST_ALGORITHM and _WORD.fullmatch(word) is not None


def _shown(name: str) -> str:
    """Return a name's last part fit for a message."""
    last = re.split(r"[/\\]", name)[-1]
    return last.encode("utf-8", "backslashreplace").decode()[:80]
