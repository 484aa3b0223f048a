"""Checks of single values that clients send; each returns the value as it is stored or raises ``Invalid``."""

from collections.abc import Callable, Mapping
from typing import Any

from agent.protocol.hardware_address import normal_mac
from controller.api.call import parse_boolean
from controller.errors import Invalid
from controller.store.base import Base
from controller.store.identity import is_trait, is_uuid


def text(value: Any, name: str) -> str | None:
    """Take a string or null."""
    if value is None or isinstance(value, str):
        return value
    raise Invalid(f"{name} must be a string or null, not {_kind(value)}")


def text_up_to(most: int, *, least: int = 0) -> Callable[[Any, str], str | None]:
    """Return the check for a string of ``least`` to ``most`` characters, or null."""

    def check(value: Any, name: str) -> str | None:
        found = text(value, name)
        if found is not None and len(found) < least:
            raise Invalid(f"{name} is empty; null for none")
        if found is not None and len(found) > most:
            raise Invalid(f"{name} may have {most} characters, not {len(found)}")
        return found

    return check


def object_(value: Any, name: str) -> dict[str, Any]:
    """Take an object; null is the empty one."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise Invalid(f"{name} must be an object or null, not {_kind(value)}")


def boolean(value: Any, name: str) -> bool:
    """Take a truth value or a word for one; null is false."""
    if value is None:
        return False
    if isinstance(value, bool | str):
        return parse_boolean(value, name)
    raise Invalid(f"{name} must be true or false, not {_kind(value)}")


def argument(value: Any, name: str) -> bool:
    """Take what :func:`boolean` takes, and 0 or 1, as Ironic does where a truth value is an argument and no field."""
    is_number = isinstance(value, int) and value in (0, 1)
    return bool(value) if is_number else boolean(value, name)


def integer(value: Any, name: str) -> int | None:
    """Take a whole number that 32 bits hold, or null."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 31) <= value < 1 << 31:
        return value
    raise Invalid(f"{name} must be a whole number of 32 bits, not {value!r}")


def truth(value: Any, name: str) -> bool:
    """Take a truth value, and no word for one."""
    if isinstance(value, bool):
        return value
    raise Invalid(f"{name} must be true or false, not {_kind(value)}")


def truth_or_null(value: Any, name: str) -> bool:
    """Take a truth value, and no word for one; null is false."""
    return False if value is None else truth(value, name)


def optional_boolean(value: Any, name: str) -> bool | None:
    """Take a truth value or null."""
    return None if value is None else boolean(value, name)


def uuid(value: Any, name: str) -> str | None:
    """Take a UUID or null; stored in lower case."""
    if value is None:
        return None
    if isinstance(value, str) and is_uuid(value):
        return value.lower()
    raise Invalid(f"Expected UUID for {name}: {value}")


def mac(value: Any, name: str) -> str:
    """Take a MAC address in any usual form; stored in lower case with colons."""
    address = normal_mac(value) if isinstance(value, str) else None
    if address is None:
        raise Invalid(
            f"Expected valid MAC address for {name}: {value}; write it as 52:54:00:12:34:56"
        )
    return address


def optional_mac(value: Any, name: str) -> str | None:
    """Take a MAC address as :func:`mac` does, or null."""
    return None if value is None else mac(value, name)


def refuse_too_long(table: type[Base], values: Mapping[str, Any]) -> None:
    """Refuse a string that is longer than its column."""
    for name, value in values.items():
        column = table.__table__.columns.get(name)
        limit = None if column is None else getattr(column.type, "length", None)
        if limit is not None and isinstance(value, str) and len(value) > limit:
            raise Invalid(f"{name} may have {limit} characters, not {len(value)}")


def trait(value: Any) -> str:
    """Take a trait, as ``is_trait`` knows them."""
    if isinstance(value, str) and is_trait(value):
        return value
    raise Invalid(f"Trait {value!r} is not valid: use CUSTOM_ and capital letters, digits or _")


def _kind(value: Any) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", list: "a list", str: "a string"}
    return names.get(type(value), "an object")
