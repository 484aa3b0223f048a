"""Secrets in command lines, whether they are lists of words, such lists as they are printed, or text. Pure, and linear in its length.

``--password x`` and ``-password x`` by their names; ``-P x``, ``-p x``, ``-Px``, ``-P=x``, as ipmitool, sshpass, FreeIPMI, racadm and MySQL have
them; ``-u name:x`` of curl; of IPMI's programs ``-k`` and ``-y`` too (the BMC key). Ports are hidden with them: ``-p 22`` may be a password.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from agent.protocol.secret_names import MASK, Replace, is_secret

_PASSWORDS = frozenset({"p", "P"})
_IPMI_KEYS = frozenset({"k", "y"})
_USERS = frozenset({"u", "U", "user", "proxy-user"})
_ONE_DASH = frozenset(
    [
        "parent",
        "pass",
        "passphrase",
        "passwd",
        "password",
        "path",
        "perm",
        "pid",
        "port",
        "preserve",
        "pretty",
        "print",
        "print0",
        "privileged",
        "progress",
        "proto",
        "protocol",
        "prune",
        "psk",
        "pwd",
    ]
)
"""Options that programs write with one dash: no passwords attached to ``-p``."""
_PLACE = re.compile(r"/(?:dev|etc|home|mnt|proc|root|run|sys|tmp|usr|var)/")
"""Behind ``-p`` of mkdir, e2fsck and others it is a place, not a password."""
_NO_OPTION = r"(?!-[A-Za-z-])"
_OPTION = re.compile(
    r"(?P<head>-(?<!\S-)-?(?P<name>[\w.-]{1,64})[ \t]{1,8})"
    rf"""(?P<secret>"[^"]*"|'[^']*'|{_NO_OPTION}\S+)"""
)
_ATTACHED = re.compile(r"""(?P<head>-(?<!\S-)[pP]=?)(?P<secret>"[^"]*"|'[^']*'|[^\s="']\S*)""")
_ITEM = re.compile(
    r"""(?P<head>(?P<quote>["'])-{1,2}(?P<name>[\w.-]{1,64})(?P=quote)\s{0,8},\s{0,8}b?)"""
    rf"""(?P<secret>"{_NO_OPTION}(?:[^"\\]|\\.)*"|'{_NO_OPTION}(?:[^'\\]|\\.)*'|\d+)"""
)
"""An option and the word behind it in a list as JSON or Python print it."""
_QUOTED = re.compile(
    r"""(?P<head>(?P<quote>["'])(?:-(?P<short>[pP])=?|-{0,2}(?P<name>[\w.-]{1,64})=))"""
    r"""(?P<secret>(?:(?!(?P=quote))[^\\]|\\.)+)""",
    re.DOTALL,
)
"""Option and secret in one word of such a list, or at the beginning of a text in quotes."""
_USER = re.compile(r"(?P<head>[A-Za-z_][\w.@\\-]{0,64}[:%])(?!//)(?P<secret>.+)", re.DOTALL)
_WORD = re.compile(r"--?(?P<name>[\w.-]{1,64})")
_NEXT_OPTION = re.compile(r"-[A-Za-z-]")
_ATTACHED_WORD = re.compile(r"(?P<head>-[pP]=?)(?P<secret>.+)", re.DOTALL)


def masked_words(words: Sequence[Any]) -> list[Any]:
    """Return a list of a document with the secrets replaced that stand there as in a command line."""
    has_ipmi = bool(words) and isinstance(words[0], str) and "ipmi" in words[0].lower()
    shown: list[Any] = []
    option: str | None = None
    for word in words:
        shown.append(_shown_word(option, word, has_ipmi=has_ipmi))
        found = _WORD.fullmatch(word) if isinstance(word, str) else None
        option = found["name"] if found else None
    return shown


def _shown_word(option: str | None, word: Any, *, has_ipmi: bool) -> Any:
    """Return what may be shown of a word; ``option`` is the name of that before it, ``None`` = it is none."""
    if isinstance(word, bool) or not isinstance(word, str | int | float) or word == "":
        return word
    text = str(word)
    if option is not None and not _NEXT_OPTION.match(text):
        shown = _behind(option, text, _mask, has_ipmi=has_ipmi)
        return word if shown == text else shown
    attached = _ATTACHED_WORD.fullmatch(text)
    return _of_attached(attached, _mask) if attached else word


def replace_in_command_line(text: str, replace: Replace) -> str:
    """Return ``text`` with every secret that stands there as in a command line replaced by what ``replace`` makes of it."""
    has_quotes = '"' in text or "'" in text
    has_attached = "-p" in text or "-P" in text
    if has_quotes and (has_attached or "=" in text):
        text = _QUOTED.sub(partial(_of_quoted, replace=replace), text)
    if "-" in text:
        of_option = partial(_of_option, replace=replace, has_ipmi="ipmi" in text.lower())
        text = _OPTION.sub(of_option, text)
        text = _ITEM.sub(of_option, text) if has_quotes else text
    if has_attached:
        text = _ATTACHED.sub(partial(_of_attached, replace=replace), text)
    return text


def _behind(option: str, word: str, replace: Replace, *, has_ipmi: bool) -> str:
    """Return the word behind an option with what is secret of it replaced."""
    if is_secret(option) or (has_ipmi and option in _IPMI_KEYS):
        return replace(word)
    if option in _PASSWORDS:
        return word if _PLACE.match(word) else replace(word)
    if option in _USERS and (user := _USER.fullmatch(word)):
        return f"{user['head']}{replace(user['secret'])}"
    return word


def _of_option(match: re.Match[str], replace: Replace, *, has_ipmi: bool) -> str:
    word = match["secret"]
    quote = word[0] if word[0] in "\"'" and word[-1] == word[0] and len(word) > 1 else ""
    inside = word[1:-1] if quote else word
    if not inside:
        return match[0]
    shown = _behind(match["name"], inside, replace, has_ipmi=has_ipmi)
    return f"{match['head']}{quote}{shown}{quote}"


def _of_attached(match: re.Match[str], replace: Replace) -> str:
    secret = match["secret"]
    if f"p{secret}".partition("=")[0] in _ONE_DASH or _PLACE.match(secret):
        return match[0]
    return f"{match['head']}{replace(secret)}"


def _of_quoted(match: re.Match[str], replace: Replace) -> str:
    if match["short"]:
        return _of_attached(match, replace)
    if not is_secret(match["name"]):
        return match[0]
    return f"{match['head']}{replace(match['secret'])}"


def _mask(_secret: str) -> str:
    return MASK
