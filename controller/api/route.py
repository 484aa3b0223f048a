"""One route of the API as a value; ``routes.py`` has them all."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from flask import Response

from controller.api.accept import JSON

Described = Any
"""The name of a schema that is made of a resource, or a type that ``msgspec`` knows; ``""`` = nothing."""


class Route(NamedTuple):
    """One method of one path; the handler takes a ``Call`` and the path's parameters by name."""

    method: str
    path: str
    handler: Callable[..., Response]
    since: int = 1
    """First microversion, 1.``since``."""
    early: int = HTTPStatus.NOT_FOUND
    """Status of a request with an older one; Ironic has 404, 405 and 406, route by route."""
    media: str = JSON
    """Type of the answer."""
    what: str = ""
    """What it does, for the reference page; empty = the handler's first sentence."""
    query: tuple[str, ...] | type[msgspec.Struct] = ()
    """Query arguments that it takes: names of those of lists, or their types."""
    is_loose: bool = False
    """Any other query arguments are left to the handler: a body that may stand there too, or a vendor's method's own."""
    takes: Described = ""
    """Its body."""
    sends: str = JSON
    """Type of its body."""
    gives: Described = ""
    """Its reply."""
    status: str = ""
    """Of success; empty = 201 for what creates, 200 with a reply, 204 without."""

    @property
    def sentence(self) -> str:
        """What it does, in a sentence."""
        return self.what or (self.handler.__doc__ or "").split("\n")[0].replace("``", "`")

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the query arguments that it takes."""
        return self.query if isinstance(self.query, tuple) else self.query.__struct_fields__

    @property
    def success(self) -> str:
        """Status of success, or ``2XX``."""
        if self.status:
            return self.status
        if not self.gives:
            return str(HTTPStatus.NO_CONTENT.value)
        return str((HTTPStatus.CREATED if self.method == "POST" else HTTPStatus.OK).value)
