"""What is a secret, and how it is shown: ``******``. One rule for the controller's answers and logs and for the agent's.

Secrets are the values of keys that sound like one, and parts of texts: of URLs the password (or the user, if there is
none: ``https://token@host``) and the signature of a signed address; values that sound like one in queries, among kernel
arguments and in printed documents; private keys in PEM. Pure, and linear in the length of the text.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

MASK = "******"

_SECRET_KEY = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|authorization|cookie|community|snmp.*key"
    r"|(private|api|auth|access|hexkg|account|shared|signing|encryption|master|ssh|ssl|tls|client|server|session"
    r"|storage|hmac|luks|psk|kg|gpg|rsa|wep|wpa|root|host|user|admin|ipmi|bmc|license)key$"
    r"|(private|api|auth|access|hexkg)key"
    r"|^(amz|goog|oss|x).*signature$|^(googleaccessid|awsaccesskeyid|ossaccesskeyid)$"
)
"""Found in a key without its separators: ``ssh_private_key``, ``X-Api-Key``, ``rootpwd``."""
_SECRET_WORDS = frozenset({"pem", "kg", "psk", "sig", "cred", "creds", "pass", "passcode"})
"""Short words, secret only where they stand alone in a key: ``ssl_pem``, ``ipmi-kg``; not in ``signal``."""
_SECRET_NAMES = frozenset({"configdrive", "image_url", "user_data"})
_PUBLIC_NAMES = frozenset({"sshkey"})
"""The kernel argument of a public key; ``ssh_key`` holds private ones."""
_SIGNED = frozenset({"signature", "key-pair-id", "policy"})
"""In the query of a signed address alone (S3 version 2, CloudFront); elsewhere signatures are public."""
_SEPARATORS = re.compile(r"[ ._-]")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_URL_USER = re.compile(r"\b(?P<scheme>[A-Za-z][\w+.-]{0,31})://(?P<user>[^/\s?#]+)@")
_KERNEL_ARGUMENT = re.compile(r'(?P<head>(?:^|(?<=\s))(?P<name>[\w.-]+)=)(?P<secret>"[^"]*"|\S+)')
_OPTION = re.compile(
    r"""(?P<head>(?:^|(?<=\s))--(?P<name>[\w.-]+)[ ]{1,8})(?P<secret>"[^"]*"|'[^']*'|(?!-)\S+)"""
)
"""An option of a command line and the word behind it; one that begins with a dash is the next option."""
_QUERY = re.compile(r"(?P<head>[?&;#](?P<name>[\w.%~-]+)=)(?P<secret>[^\s&#;]+)")
_PRINTED = re.compile(
    r"""(?P<head>(?P<quote>["'])(?P<name>[\w .-]{1,64})(?P=quote)\s{0,8}:\s{0,8}b?)"""
    r"""(?P<secret>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
"""A key and a text of a document as JSON or Python print them."""
_HEADER = re.compile(
    r"(?P<head>\bauthorization: *(?:basic|bearer|digest) +)(?P<secret>\S+)", re.IGNORECASE
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_Replace = Callable[[str], str]


@lru_cache(maxsize=4096)
def is_secret(key: str) -> bool:
    """Say whether the value under ``key`` must never be shown."""
    if key in _SECRET_NAMES:
        return True
    if key in _PUBLIC_NAMES:
        return False
    plain = _SEPARATORS.sub("", key.lower()).replace("publickey", "")
    words = (word.lower() for word in _WORDS.findall(key))
    return _SECRET_KEY.search(plain) is not None or not _SECRET_WORDS.isdisjoint(words)


def masked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of ``document`` with the secrets of every level replaced by ``MASK``.

    Empty values and truth values stay: they say that there is no secret.
    """
    return {key: masked_value(key, value) for key, value in document.items()}


def masked_value(key: str, value: Any) -> Any:
    """Return what may be shown of ``value``, which stands under ``key`` (``""`` = under none)."""
    if is_secret(key) and value not in (None, "", {}, []) and not isinstance(value, bool):
        return MASK
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [masked_value("", item) for item in value]
    if isinstance(value, str):
        return masked_text(value)
    return value


def masked_text(text: str) -> str:
    """Return ``text`` with the secrets inside of it replaced by ``MASK``."""
    return replace_secrets(text, lambda _secret: MASK)


def replace_secrets(text: str, replace: _Replace) -> str:
    """Return ``text`` with every secret inside of it replaced by what ``replace`` makes of it."""
    if "@" in text:
        text = _URL_USER.sub(lambda match: _of_url(match, replace), text)
    if "=" in text:
        text = _KERNEL_ARGUMENT.sub(lambda match: _of_name(match, replace), text)
        text = _QUERY.sub(lambda match: _of_query(match, replace), text)
    if "--" in text:
        text = _OPTION.sub(lambda match: _of_name(match, replace), text)
    if ":" in text and ('"' in text or "'" in text):
        text = _PRINTED.sub(lambda match: _of_printed(match, replace), text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.sub(lambda match: match["head"] + replace(match["secret"]), text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(lambda match: replace(match[0]), text)
    return text


def _of_url(match: re.Match[str], replace: _Replace) -> str:
    user, colon, password = match["user"].partition(":")
    if password:
        password = replace(password)
    elif match["scheme"].lower() in {"http", "https"}:
        user = replace(user)
    return f"{match['scheme']}://{user}{colon}{password}@"


def _of_name(match: re.Match[str], replace: _Replace) -> str:
    secret = replace(match["secret"]) if is_secret(match["name"]) else match["secret"]
    return match["head"] + secret


def _of_query(match: re.Match[str], replace: _Replace) -> str:
    name = unquote(match["name"])
    is_one = is_secret(name) or name.lower() in _SIGNED
    return match["head"] + (replace(match["secret"]) if is_one else match["secret"])


def _of_printed(match: re.Match[str], replace: _Replace) -> str:
    quoted = match["secret"]
    inside = quoted[1:-1]
    if not is_secret(match["name"]) or not inside:
        return match[0]
    return match["head"] + quoted[0] + replace(inside) + quoted[-1]
