"""Which texts and documents hold secrets, and how they are shown: ``******``. One rule for the controller's answers and logs and for the agent's.

Secrets are the values of keys that sound like one, of settings (``{"name": ..., "value": ...}``) whose name does, and parts of texts: of URLs the password (or the user, if there is
none: ``https://token@host``) and the signature of a signed address; what files for a system hold; values that sound like one in queries, among kernel
arguments and in printed documents; private keys in PEM. Pure, and linear in the length of the text.
"""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from agent.protocol.command_lines import masked_words, replace_in_command_line
from agent.protocol.secret_names import MASK, Replace, is_secret

_SIGNED = frozenset({"signature", "key-pair-id", "policy"})
"""In the query of a signed address alone (S3 version 2, CloudFront); elsewhere signatures are public."""
_CONTENT = "content"
_URL_USER = re.compile(r"\b(?P<scheme>[A-Za-z][\w+.-]{0,31})://(?P<user>[^/\s?#]+)@")
_KERNEL_ARGUMENT = re.compile(r'(?P<head>(?:^|(?<=\s))(?P<name>[\w.-]+)=)(?P<secret>"[^"]*"|\S+)')
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


_MEDIA = "/boot/media/"
_MEDIA_KEY = re.compile(
    rf"(?P<head>{_MEDIA}[0-9a-f-]{{1,64}}/)(?P<secret>[0-9a-f]+)", re.IGNORECASE
)
"""In the address of a node's boot medium: who knows it gets the agent's token."""
_NAME, _VALUE = "name", "value"


_SIGNS = ("@", "%", "\\", "-p", "-k", "-y", "-u", _MEDIA)
"""Where neither these are in a document's JSON, in small letters, ..."""
_WORDS = (
    *("pass", "pwd", "secret", "token", "cred", "authorization", "cookie", "community", "key"),
    *("sig", "accessid", "pem", "kg", "psk", "configdrive", "imageurl", "userdata", "policy"),
    "content",
)
"""... nor these, without separators, nothing of it is masked: each name of a secret has one of them."""


_REMEMBERED_LETTERS = 1024


def may_hold_secrets(text: str) -> bool:
    """Say whether something may be masked in the document of which ``text`` is the JSON; false is certain, true is not."""
    return (_remembered if len(text) <= _REMEMBERED_LETTERS else _may_hold_secrets)(text)


def _may_hold_secrets(text: str) -> bool:
    small = text.lower()
    if any(sign in small for sign in _SIGNS):
        return True
    plain = small.replace(" ", "").replace(".", "").replace("_", "").replace("-", "")
    return any(word in plain for word in _WORDS)


_remembered = lru_cache(maxsize=4096)(_may_hold_secrets)
"""Of the short texts: whoever looks at a long list looks at the same documents again."""


def masked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of ``document`` with the secrets of every level replaced by ``MASK``.

    Empty values and truth values stay: they say that there is no secret.
    """
    names_secret = is_named_secret(document)
    return {
        key: MASK
        if key == _CONTENT and _is_file(document)
        else masked_value(_name_of(document) if names_secret and key == _VALUE else key, value)
        for key, value in document.items()
    }


def is_named_secret(document: Any) -> bool:
    """Say whether this is an object of a list of settings, ``{"name": ..., "value": ...}``, whose value is a secret."""
    return isinstance(document, dict) and _VALUE in document and is_secret(_name_of(document))


def _name_of(document: dict[str, Any]) -> str:
    name = document.get(_NAME)
    return name if isinstance(name, str) else ""


def _is_file(document: dict[str, Any]) -> bool:
    """Say whether this is a file with what it holds, as ``inject_files`` takes it: perhaps a key; an address tells itself."""
    content = document.get(_CONTENT)
    return (
        isinstance(content, str) and bool(content) and "://" not in content and "path" in document
    )


def masked_value(key: str, value: Any) -> Any:
    """Return what may be shown of ``value``, which stands under ``key`` (``""`` = under none)."""
    if is_secret(key) and value not in (None, "", {}, []) and not isinstance(value, bool):
        return MASK
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return masked_words([masked_value("", item) for item in value])
    if isinstance(value, str):
        return masked_text(value)
    return value


def masked_text(text: str) -> str:
    """Return ``text`` with the secrets inside of it replaced by ``MASK``."""
    return replace_secrets(text, lambda _secret: MASK)


def replace_secrets(text: str, replace: Replace) -> str:
    """Return ``text`` with every secret inside of it replaced by what ``replace`` makes of it."""
    if "@" in text:
        text = _URL_USER.sub(lambda match: _of_url(match, replace), text)
    if "=" in text:
        text = _KERNEL_ARGUMENT.sub(lambda match: _of_name(match, replace), text)
        text = _QUERY.sub(lambda match: _of_query(match, replace), text)
    text = replace_in_command_line(text, replace)
    if ":" in text and ('"' in text or "'" in text):
        text = _PRINTED.sub(lambda match: _of_printed(match, replace), text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.sub(lambda match: match["head"] + replace(match["secret"]), text)
    if "/" in text and _MEDIA in text.lower():
        text = _MEDIA_KEY.sub(lambda match: match["head"] + replace(match["secret"]), text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(lambda match: replace(match[0]), text)
    return text


def _of_url(match: re.Match[str], replace: Replace) -> str:
    user, colon, password = match["user"].partition(":")
    if password:
        password = replace(password)
    elif match["scheme"].lower() in {"http", "https"}:
        user = replace(user)
    return f"{match['scheme']}://{user}{colon}{password}@"


def _of_name(match: re.Match[str], replace: Replace) -> str:
    secret = replace(match["secret"]) if is_secret(match["name"]) else match["secret"]
    return match["head"] + secret


def _of_query(match: re.Match[str], replace: Replace) -> str:
    name = unquote(match["name"])
    is_one = is_secret(name) or name.lower() in _SIGNED
    return match["head"] + (replace(match["secret"]) if is_one else match["secret"])


def _of_printed(match: re.Match[str], replace: Replace) -> str:
    quoted = match["secret"]
    inside = quoted[1:-1]
    if not is_secret(match["name"]) or not inside:
        return match[0]
    return match["head"] + quoted[0] + replace(inside) + quoted[-1]
