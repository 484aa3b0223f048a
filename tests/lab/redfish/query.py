"""Query parameters of a GET (DSP0266 7.3): ``only``, ``$expand``, ``$select``, ``$top`` and ``$skip``; and ETags. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping

from tests.lab.redfish.answers import Document, RefusedError

PAGE_MEMBERS = 50
"""Longer collections are answered in pages, with ``Members@odata.nextLink``."""
_KNOWN = frozenset({"only", "$expand", "$select", "$top", "$skip"})
_EXPAND = re.compile(r"[*.~](\(\$levels=(\d+)\))?")
_MOST_LEVELS = 2

Look = Callable[[str], Document | None]
"""Returns the document at an address; None = there is none."""


def etag(document: Document) -> str:
    """Return the strong ETag of a document."""
    words = json.dumps(document, sort_keys=True).encode()
    return f'"{hashlib.sha256(words).hexdigest()[:16]}"'


def answer_query(
    document: Document, parameters: Mapping[str, str], path: str, look: Look
) -> Document:
    """Return the document as the parameters want it.

    Raises:
        RefusedError: 501: a parameter that is not supported; 400: a value that makes no sense.
    """
    for name in parameters:
        if name.startswith("$") and name not in _KNOWN:
            raise RefusedError(501, "QueryNotSupported")
    if "only" in parameters:
        if parameters["only"]:
            raise RefusedError(400, "QueryParameterValueError", parameters["only"], "only")
        if len(parameters) > 1:
            raise RefusedError(400, "QueryCombinationInvalid")
        members = document.get("Members", [])
        if len(members) == 1:
            return look(members[0]["@odata.id"]) or document
        return document
    if "Members" in document:
        document = _page(document, parameters, path)
    if "$expand" in parameters:
        document = _expanded(document, _levels(parameters["$expand"]), parameters["$expand"], look)
    if "$select" in parameters:
        wanted = {word.strip().split("/")[0] for word in parameters["$select"].split(",")}
        document = {
            name: value
            for name, value in document.items()
            if name in wanted or name.startswith("@odata") or name.split("@")[0] in wanted
        }
    return document


def _page(document: Document, parameters: Mapping[str, str], path: str) -> Document:
    members = document["Members"]
    skip = _number(parameters, "$skip", 0, least=0)
    top = _number(parameters, "$top", PAGE_MEMBERS, least=0)
    shown = members[skip : skip + min(top, PAGE_MEMBERS)]
    page = document | {"Members": shown}
    if "$top" not in parameters and skip + len(shown) < len(members):
        page["Members@odata.nextLink"] = f"{path}?$skip={skip + len(shown)}"
    return page


def _number(parameters: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise RefusedError(400, "QueryParameterValueTypeError", text, name)
    if int(text) < least:
        raise RefusedError(400, "QueryParameterOutOfRange", text, name, f"{least} and up")
    return int(text)


def _levels(text: str) -> int:
    match = _EXPAND.fullmatch(text)
    if match is None:
        raise RefusedError(400, "QueryParameterValueError", text, "$expand")
    levels = int(match[2]) if match[2] else 1
    if not 1 <= levels <= _MOST_LEVELS:
        raise RefusedError(
            400, "QueryParameterOutOfRange", levels, "$levels", f"1 to {_MOST_LEVELS}"
        )
    return levels


def _expanded(document: Document, levels: int, how: str, look: Look) -> Document:
    """Replace links by what they lead to: ``.`` without the member ``Links``, ``~`` only there, ``*`` both."""
    made: Document = {}
    for name, value in document.items():
        inside_links = name == "Links"
        if (
            name == "Actions"
            or (how[0] == "." and inside_links)
            or (how[0] == "~" and not inside_links)
        ):
            made[name] = value
        else:
            made[name] = _followed(value, levels, how, look)
    return made


def _followed(value: object, levels: int, how: str, look: Look) -> object:
    if isinstance(value, list):
        return [_followed(one, levels, how, look) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"@odata.id"}:
        found = look(value["@odata.id"])
        if found is None:
            return value
        return _expanded(found, levels - 1, how, look) if levels > 1 else found
    return {name: _followed(one, levels, how, look) for name, one in value.items()}
