"""Truth values and whole numbers, which clients of Ironic write as such or as text. Pure.

Every list of words for yes and no that people write is this one; what programs print (``ipmitool``, ``mstflint``) is read where
those are called.
"""

import re
from typing import Any

from agent.protocol.refusal import Refusal

TRUE_WORDS = ("1", "t", "true", "on", "y", "yes")
FALSE_WORDS = ("0", "f", "false", "off", "n", "no")
"""The words of ``oslo_utils.strutils.bool_from_string``, by which Ironic reads truth values."""
_NOTHING = ("none", "")
_WHOLE_NUMBER = re.compile("[0-9]{1,12}")


def truth_word(value: Any) -> bool | None:
    """Return what a boolean, a number or a word says; ``None`` = neither yes nor no, or nothing at all."""
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    return False if word in FALSE_WORDS else None


def truth(value: Any, field: str) -> bool:
    """Return a truth value; not given = false.

    Raises:
        Refusal: It is neither true nor false.
    """
    said = truth_word(value)
    if said is None and str(value).strip().lower() not in _NOTHING:
        raise Refusal(f"{value!r} is neither true nor false", field=field)
    return bool(said)


def whole_number(value: Any, field: str) -> int:
    """Return a number from 0 to 999,999,999,999; not given = 0.

    Raises:
        Refusal: It is no whole number, is negative, or too large for anything.
    """
    if value is None or value == "":
        return 0
    text = str(value).strip()
    if isinstance(value, bool | float) or not _WHOLE_NUMBER.fullmatch(text):
        if re.fullmatch("-[0-9]+", text):
            raise Refusal(f"{text[:20]} is negative", field=field)
        raise Refusal(f"{str(value)[:20]!r} is not a whole number", field=field)
    return int(text)
