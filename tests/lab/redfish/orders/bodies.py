"""Reads the bodies of requests: parameters of actions, properties of changes, with Redfish's refusals."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.lab.redfish.answers import Document, RefusedError, message_of

_TYPES = {"string": str, "number": int, "boolean": bool, "object": dict, "array": list}


def parameter(
    body: Document, name: str, kind: type, *, required: bool = False, among: Iterable[str] = ()
) -> Any:
    """Return one parameter of an action; None = not given.

    Raises:
        RefusedError: 400: it is missing, of another type, or none of the allowable values.
    """
    if body.get(name) is None:
        if required:
            raise RefusedError(400, "ActionParameterMissing", "", name, related=name)
        return None
    value = body[name]
    check_type(name, value, kind)
    allowed = list(among)
    if allowed and value not in allowed:
        raise RefusedError(400, "ActionParameterValueNotInList", value, name, related=name)
    return value


def check_type(name: str, value: object, kind: type) -> None:
    """Refuse a value of another type; true and false are no numbers.

    Raises:
        RefusedError: 400.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise RefusedError(400, "PropertyValueTypeError", value, name, related=name)


def check_listed(name: str, value: object, among: Iterable[object]) -> None:
    """Refuse a value that is none of the allowed ones.

    Raises:
        RefusedError: 400.
    """
    if value not in list(among):
        raise RefusedError(400, "PropertyValueNotInList", value, name, related=name)


def writable_part(
    body: Document, writable: Mapping[str, type], document: Document
) -> tuple[Document, Document]:
    """Split a PATCH's body into what may be written and annotations for what may not (DSP0266 7.7).

    Args:
        body: The request.
        writable: Properties that may be written, with their types.
        document: The resource as it is: tells a read-only property from an unknown one.

    Raises:
        RefusedError: 400: a wrong type, or nothing of it may be written.
    """
    given = {name: value for name, value in body.items() if "@" not in name}
    good = {name: value for name, value in given.items() if name in writable}
    for name, value in good.items():
        check_type(name, value, writable[name])
    notes: list[Document] = []
    for name in given.keys() - good.keys():
        message = "PropertyNotWritable" if name in document else "PropertyUnknown"
        if not good:
            raise RefusedError(400, message, name, related=name)
        notes.append(message_of(message, name, related=name))
    if not good:
        raise RefusedError(400, "NoOperation")
    return good, {"@Message.ExtendedInfo": notes} if notes else {}
