"""Truth values and whole numbers, which clients of Ironic write as such or as text. Pure."""

import re
from typing import Any

from agent.protocol.refusal import Refusal

_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no", "none", "")
"""As ``oslo_utils.strutils.bool_from_string`` reads them, and what stands for nothing."""
_WHOLE_NUMBER = re.compile("[0-9]{1,12}")


def truth(value: Any, field: str) -> bool:
    """Return a truth value; not given = false.

    Raises:
        Refusal: It is neither true nor false.
    """
    text = str(value).strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise Refusal(f"{value!r} is neither true nor false", field=field)
    return text in _TRUE


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
