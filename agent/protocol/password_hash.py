"""Hashes of login passwords, as ``/etc/shadow`` has them: made and recognized. Pure.

Source: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512" (https://www.akkadia.org/drepper/SHA-crypt.txt), version 0.6, and
crypt(5). The C library's ``crypt`` is no longer part of Python, and passwords do not belong on command lines.
"""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

ALGORITHMS = ("sha256", "sha512")
"""What a password can be hashed with, by the names of Ironic's setting ``rescue_password_hash_algorithm``."""
LONGEST_PASSWORD = 1024
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000
_SALT_LETTERS = 16
_LONGEST_HASH = 512
_HASH = re.compile(r"\$[0-9a-z]{1,8}(\$[./0-9A-Za-z=,_-]+){2,3}")
_PREFIX = {"sha256": "$5$", "sha512": "$6$"}
_Digest = Callable[[bytes], Any]
_DIGEST: Mapping[str, _Digest] = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}


def is_password(text: str) -> bool:
    """Say whether ``text`` can be typed at a prompt, and is not so long that somebody tests our patience."""
    has_control = any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)
    return 0 < len(text) <= LONGEST_PASSWORD and not has_control


def is_password_hash(text: str) -> bool:
    """Say whether ``text`` has the form of crypt(5), which is also safe as a field of ``/etc/shadow``."""
    return len(text) <= _LONGEST_HASH and _HASH.fullmatch(text) is not None


def hash_password(password: str, algorithm: str = "sha512", salt: str | None = None) -> str:
    """Return the hash of a password.

    Args:
        password: Any text.
        algorithm: One of ``ALGORITHMS``.
        salt: At most 16 letters of ``./0-9A-Za-z``; ``None`` = a random one.
    """
    if salt is None:
        salt = "".join(secrets.choice(_ALPHABET) for _ in range(_SALT_LETTERS))
    digest = _sha_crypt(password.encode(), salt.encode(), _DIGEST[algorithm])
    return f"{_PREFIX[algorithm]}{salt}${_encoded(digest)}"


def _sha_crypt(key: bytes, salt: bytes, new: _Digest) -> bytes:
    """Return the raw digest; the names of the parts are those of the specification."""
    b = new(key + salt + key).digest()
    a = new(key + salt + _repeated(b, len(key)))
    count = len(key)
    while count:
        a.update(b if count & 1 else key)
        count >>= 1
    digest: bytes = a.digest()
    p = _repeated(new(key * len(key)).digest(), len(key))
    s = _repeated(new(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(_ROUNDS):
        first, last = (p, digest) if number & 1 else (digest, p)
        middle = (s if number % 3 else b"") + (p if number % 7 else b"")
        digest = new(first + middle + last).digest()
    return digest


def _repeated(block: bytes, size_bytes: int) -> bytes:
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


def _encoded(digest: bytes) -> str:
    """Write three bytes as four letters, in the order that the specification gives for this length."""
    third = len(digest) // 3
    rest = len(digest) - 3 * third
    step = 2 if rest == 2 else 1  # noqa: PLR2004  # SHA-256 leaves two bytes over, SHA-512 one
    order = [0, third, 2 * third]
    text = ""
    for number in range(third):
        text += _letters(bytes(digest[place + number] for place in order), 4)
        order = order[step:] + order[:step]
    return text + _letters(b"\0" * (3 - rest) + digest[-1 : -rest - 1 : -1], rest + 1)


def _letters(three: bytes, count: int) -> str:
    value = int.from_bytes(three, "big")
    return "".join(_ALPHABET[value >> (6 * number) & 63] for number in range(count))
