"""JSON patches as the Ironic API takes them (RFC 6902 with restrictions).

Operations are ``add``, ``replace`` and ``remove``; the first part of a path must be an attribute that
may be patched; ``add`` of an attribute replaces it; ``remove`` of an attribute resets it to its default, after which the
same patch can only add it, or members of it.
"""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonpatch
import jsonpointer

from controller.errors import Invalid

_OPERATIONS = ("add", "replace", "remove")
_KEYS = frozenset({"op", "path", "value"})


class NotPatchable(Invalid):
    """A patch is well-formed, and changes what cannot be changed."""


class _Reset:
    """Type of ``RESET``."""


RESET = _Reset()
"""New value of an attribute that a patch removes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation; ``path`` is decoded, its first part is the attribute."""

    op: str
    path: tuple[str, ...]
    value: Any

    @property
    def attribute(self) -> str:
        """Name of the attribute that is changed."""
        return self.path[0]

    @property
    def pointer(self) -> str:
        """The path as the client writes it."""
        return str(jsonpointer.JsonPointer.from_parts(self.path).path)


def parse(document: Any, allowed: Collection[str]) -> tuple[Operation, ...]:
    """Check the form of a patch.

    Raises:
        Invalid: Not a list of operations; says which operation.
        NotPatchable: An attribute is not ``allowed``.
    """
    if not isinstance(document, list):
        raise Invalid(f"A patch must be a JSON list of operations, not {type(document).__name__}")
    return tuple(_parse_operation(number, item, allowed) for number, item in enumerate(document))


def apply(operations: Sequence[Operation], current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new values of the attributes that ``operations`` change; ``current`` stays as it is.

    Raises:
        Invalid: A path does not exist in the document; says which operation and why.
    """
    changed: dict[str, Any] = {}
    for operation in operations:
        name, is_whole = operation.attribute, len(operation.path) == 1
        if is_whole and operation.op != "add" and changed.get(name) is RESET:
            raise _no_such_member(operation)
        if is_whole:
            changed[name] = RESET if operation.op == "remove" else copy.deepcopy(operation.value)
            continue
        before = changed.get(name, current.get(name))
        root = copy.deepcopy({name: {} if before is RESET or before is None else before})
        changed[name] = _apply_inside(operation, root)[name]
    return changed


def _apply_inside(operation: Operation, root: dict[str, Any]) -> dict[str, Any]:
    step = {"op": operation.op, "path": operation.pointer}
    if operation.op != "remove":
        step["value"] = copy.deepcopy(operation.value)
    try:
        result: dict[str, Any] = jsonpatch.apply_patch(root, [step], in_place=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        # The libraries' words quote the document, which holds passwords.
        raise _no_such_member(operation) from error
    except TypeError as error:
        raise Invalid(
            f"Couldn't apply {operation.op} {operation.pointer}: {operation.attribute} has no members"
        ) from error
    return result


def _no_such_member(operation: Operation) -> Invalid:
    return Invalid(f"Couldn't apply {operation.op} {operation.pointer}: no such member")


def _parse_operation(number: int, item: Any, allowed: Collection[str]) -> Operation:
    where = f"operation {number + 1} of the patch"
    if not isinstance(item, dict):
        raise Invalid(f"{where} must be an object with op, path and value")
    unknown = sorted(set(item) - _KEYS)
    if unknown:
        raise Invalid(f"{where} has unknown members: {', '.join(unknown)}")
    op, path = item.get("op"), item.get("path")
    if op not in _OPERATIONS:
        raise Invalid(f"{where}: op must be one of {', '.join(_OPERATIONS)}, not {op!r}")
    if op != "remove" and "value" not in item:
        raise Invalid(f"{where} ({op} {path}) does not contain a value")
    parts = _parse_path(path, where)
    if parts[0] not in allowed:
        raise NotPatchable(
            f"Cannot patch {path}. Only the following can be updated: {', '.join(sorted(allowed))}"
        )
    return Operation(op=op, path=parts, value=item.get("value"))


def _parse_path(path: Any, where: str) -> tuple[str, ...]:
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise Invalid(f"{where}: path must be a string such as /extra/key, not {path!r}")
    try:
        parts: tuple[str, ...] = tuple(jsonpointer.JsonPointer(path).parts)
    except jsonpointer.JsonPointerException as error:
        raise Invalid(f"{where}: path {path!r}: {error}") from error
    if "" in parts:
        raise Invalid(f"{where}: path {path!r} has an empty part")
    return parts
