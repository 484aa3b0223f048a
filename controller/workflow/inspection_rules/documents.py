"""Changes in the middle of JSON documents, by the names on the way to the place. Pure but for the document that is given."""

from collections.abc import Sequence
from typing import Any

from controller.workflow.inspection_rules.fault import RuleFault

_DEEPEST = 32


def parts_of(path: Any, *, takes_slashes: bool = True) -> list[str]:
    """Return the names of a path: ``extra/rack`` or ``extra.rack``.

    Raises:
        RuleFault: It is no path.
    """
    if not isinstance(path, str):
        raise RuleFault("path must be a text such as extra/rack or extra.rack")
    is_slashed = takes_slashes and "/" in path
    parts = path.strip("/").split("/") if is_slashed else path.split(".")
    if not all(parts) or len(parts) > _DEEPEST:
        raise RuleFault(
            f"path must have names between its dots or slashes, and at most {_DEEPEST} of them"
        )
    return parts


def put(document: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    """Set a value; objects on the way are made.

    Raises:
        RuleFault: Something on the way is no object.
    """
    _object_at(document, parts[:-1])[parts[-1]] = value


def extend(document: dict[str, Any], parts: Sequence[str], value: Any, *, unique: bool) -> None:
    """Append a value to a list, which is made if there is none; ``unique``: unless it is in it already.

    Raises:
        RuleFault: Something else is there.
    """
    place = _object_at(document, parts[:-1])
    found = place.setdefault(parts[-1], [])
    if not isinstance(found, list):
        raise RuleFault("what stands there is no list")
    if not (unique and value in found):
        found.append(value)


def delete(document: dict[str, Any], parts: Sequence[str]) -> None:
    """Delete a value.

    Raises:
        RuleFault: It is not there.
    """
    place: Any = document
    for part in parts[:-1]:
        place = place[part] if isinstance(place, dict) and part in place else {}
    if not isinstance(place, dict) or parts[-1] not in place:
        raise RuleFault("there is nothing at that path")
    del place[parts[-1]]


def prune(document: dict[str, Any], parts: Sequence[str]) -> bool:
    """Delete a value, and the object that it was alone in; says whether it was there.

    As Ironic's ``unset-plugin-data``: a document's only value on the first level stays.
    """
    owner: Any = None
    place: Any = document
    for part in parts[:-1]:
        if not isinstance(place, dict) or part not in place:
            return False
        owner, place = place, place[part]
    if not isinstance(place, dict) or parts[-1] not in place:
        return False
    if len(place) > 1:
        del place[parts[-1]]
    elif owner is not None:
        del owner[parts[-2]]
    return True


def _object_at(document: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    place: Any = document
    for part in parts:
        if not isinstance(place, dict):
            break
        place = place.setdefault(part, {})
    if not isinstance(place, dict):
        raise RuleFault("something on the way to that path is no object")
    return place
