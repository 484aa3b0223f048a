"""Resources of a Redfish service as plain documents, for what sushy has no class for, or one that reads more than is needed.

What a document holds is the BMC's word: everything is taken by ``dig`` and ``text``, which give ``None`` for another shape.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from sushy import exceptions
from sushy.resources.base import ResourceBase

from agent.protocol.foreign_text import clean_line

_MOST_MEMBERS = 500
"""Of one collection; the largest that is known, a server's firmware inventory, has about 100."""
_MOST_PAGES = 50
_MOST_LETTERS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One resource as it was read."""

    path: str
    body: Mapping[str, Any]
    etag: str | None = None

    @property
    def name(self) -> str:
        """The last part of its address."""
        return clean_line(self.path.rstrip("/").rsplit("/", 1)[-1], _MOST_LETTERS)


def read(near: ResourceBase, path: str) -> Document:
    """Read a resource of the service that ``near`` is of.

    Raises:
        SushyError: The BMC refuses.
        ValueError: Its answer is no JSON object.
    """
    answer = near._conn.get(path=path)  # noqa: SLF001  # sushy has no other way to what it does not know
    body = answer.json()
    if not isinstance(body, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  # as other JSON that cannot be used
    return Document(path=path, body=body, etag=answer.headers.get("ETag"))


def read_if_there(near: ResourceBase, path: str | None) -> Document | None:
    """Read a resource that a service may name and not have; ``None`` = it is not there."""
    if path is None:
        return None
    try:
        return read(near, path)
    except exceptions.ResourceNotFoundError:
        return None


def change(near: ResourceBase, document: Document, changes: Mapping[str, Any]) -> None:
    """Change a resource, unless somebody else has since it was read."""
    near._conn.patch(document.path, data=dict(changes), etag=document.etag)  # noqa: SLF001  # see read


def order(near: ResourceBase, target: str, body: Mapping[str, Any]) -> requests.Response:
    """Carry out an action and return the answer."""
    answer: requests.Response = near._conn.post(target, data=dict(body))  # noqa: SLF001  # see read
    return answer


def remove(near: ResourceBase, path: str, body: Mapping[str, Any]) -> requests.Response:
    """Delete a resource, told how where ``body`` says something, and return the answer."""
    answer: requests.Response = near._conn.delete(path, data=dict(body) or None)  # noqa: SLF001  # see read
    return answer


def dig(document: Any, *names: str) -> Any:
    """Return a member of a member; ``None`` = there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def text(document: Any, *names: str) -> str | None:
    """Return a text, bounded and on one line; ``None`` = there is none, or it is empty."""
    found = dig(document, *names)
    return clean_line(found, _MOST_LETTERS) if isinstance(found, str) and found else None


def address(found: Any) -> str | None:
    """Return an address as a BMC wrote it; ``None`` = it is none that can be kept and shown: no text, too long, not printable."""
    is_one = isinstance(found, str) and 0 < len(found) <= _MOST_LETTERS and found.isprintable()
    return found if is_one else None


def link(document: Any, *names: str) -> str | None:
    """Return where a link leads."""
    return address(dig(document, *names, "@odata.id"))


def links(document: Any, *names: str) -> list[str]:
    """Return where a list of links leads, the first few hundred of many."""
    found = dig(document, *names)
    listed = found if isinstance(found, list) else []
    return [path for one in listed[:_MOST_MEMBERS] if (path := link(one)) is not None]


def listed(near: ResourceBase, path: str | None) -> list[str]:
    """Return the addresses of a collection's members, from all its pages; empty where it is not there."""
    found: list[str] = []
    page, pages = read_if_there(near, path), 0
    while page is not None and pages < _MOST_PAGES:
        found += links(page.body, "Members")
        pages += 1
        page = read_if_there(near, text(page.body, "Members@odata.nextLink"))
    return found[:_MOST_MEMBERS]


def members(near: ResourceBase, path: str | None) -> Iterator[Document]:
    """Read every member of a collection, by one request where the BMC can; one that is not there any more is left out."""
    told = _expanded(near, path) if path else {}
    for member in [*told] or listed(near, path):
        found = told.get(member) or read_if_there(near, member)
        if found is not None:
            yield found


def _expanded(near: ResourceBase, path: str) -> Mapping[str, Document]:
    """Return the members that come with their collection (DSP0266, ``$expand``), by address; empty where that is not possible, or not all come."""
    features = dig(near.root.json, "ProtocolFeaturesSupported", "ExpandQuery")
    if dig(features, "NoLinks") is not True:
        return {}
    try:
        page = read(near, f"{path}?$expand=.($levels=1)")
    except (exceptions.HTTPError, ValueError):
        return {}
    inside = dig(page.body, "Members")
    bodies = inside if isinstance(inside, list) else []
    whole = [one for one in bodies[:_MOST_MEMBERS] if isinstance(one, Mapping) and "Id" in one]
    if len(whole) < len(bodies) or text(page.body, "Members@odata.nextLink"):
        return {}
    found = {link({"it": one}, "it"): one for one in whole}
    return {
        path: Document(path=path, body=body, etag=text(body, "@odata.etag"))
        for path, body in found.items()
        if path is not None
    }


def action(document: Any, name: str) -> str | None:
    """Return where an action is ordered (``SecureBoot.ResetKeys``); ``None`` = it is not offered."""
    return address(dig(document, "Actions", f"#{name}", "target"))
