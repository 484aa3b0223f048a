"""Values of ``driver_info`` in the types that drivers want; every refusal (``Invalid``) names the key and what to give."""

from typing import Any

from agent.protocol.loose_values import truth_word
from controller.errors import Invalid


def text(info: dict[str, Any], key: str, *, max_bytes: int = 255) -> str:
    """Return a text, empty if it is not given; the error does not repeat it, it may be a secret."""
    value = info.get(key)
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise Invalid(f"driver_info/{key} must be a text, not {type(value).__name__}")
    words = str(value)
    if not words.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in words):
        raise Invalid(f"driver_info/{key} has letters that are no Unicode; write it again")
    if len(words.encode()) > max_bytes or "\0" in words:
        raise Invalid(f"driver_info/{key} must be at most {max_bytes} bytes without a zero byte")
    return words


def number(
    info: dict[str, Any], key: str, *, default: int, lowest: int, highest: int, base: int = 10
) -> int:
    """Return a whole number from ``lowest`` to ``highest``; with ``base`` 0 it may be written as ``0x82`` too."""
    value = info.get(key)
    if value is None or value == "":
        return default
    try:
        found = int(str(value), base)
    except ValueError:
        found = lowest - 1
    if isinstance(value, bool) or not lowest <= found <= highest:
        message = f"driver_info/{key} is {value!r}; give a number from {lowest} to {highest}, for example {default}"
        raise Invalid(message)
    return found


def choice(info: dict[str, Any], key: str, choices: tuple[str, ...], default: str) -> str:
    """Return one of the upper-case ``choices``, however it was written."""
    value = info.get(key)
    if value is None or value == "":
        return default
    chosen = str(value).upper()
    if chosen not in choices:
        raise Invalid(f"driver_info/{key} is {value!r}; choose from: {', '.join(choices)}")
    return chosen


def boolean(info: dict[str, Any], key: str, *, default: bool) -> bool:
    """Return a truth value, as JSON or as one of Ironic's words for it."""
    value = info.get(key)
    if value is None or value == "":
        return default
    said = truth_word(value)
    if said is None:
        raise Invalid(f"driver_info/{key} is {value!r}; give true or false")
    return said
