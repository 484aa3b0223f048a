"""Which values of a document are secrets: those under their names on every level, and those inside of texts. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from agent.protocol.masking import is_named_secret, replace_secrets
from agent.protocol.secret_names import MASK, is_secret


def secret_values(document: Mapping[str, Any], unlike: Collection[str] = ()) -> Iterator[str]:
    """Yield the secrets of a document as texts; one may come several times.

    Args:
        document: JSON or TOML.
        unlike: Names that count as those of secrets elsewhere, and not here.
    """
    for key, value in document.items():
        yield from _of_value(value, unlike, is_named=key not in unlike and is_secret(str(key)))


def _of_value(value: Any, unlike: Collection[str], *, is_named: bool) -> Iterator[str]:
    """Yield the secrets of a value; below the name of one, everything is."""
    if isinstance(value, Mapping):
        is_setting = is_named_secret(value) and value["name"] not in unlike
        for key, item in value.items():
            named = (is_setting and key == "value") or (key not in unlike and is_secret(str(key)))
            yield from _of_value(item, unlike, is_named=is_named or named)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _of_value(item, unlike, is_named=is_named)
    elif value is not None and not isinstance(value, bool):
        text = str(value)
        yield from (one for one in ([text] if is_named else _inside(text)) if one not in {"", MASK})


def _inside(text: str) -> list[str]:
    found: list[str] = []

    def see(secret: str) -> str:
        found.append(secret)
        return secret

    replace_secrets(text, see)
    return found
