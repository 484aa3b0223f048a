"""One route of the API as a value; ``routes.py`` has them all."""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from flask import Response

from controller.api.accept import JSON


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
    query: tuple[str, ...] = ()
    """Query arguments that it takes, where they are known."""
    takes: str = ""
    """Name of the schema of its body; empty = it is not described."""
    gives: str = ""
    """Name of the schema of its reply; empty = it is not described."""

    @property
    def sentence(self) -> str:
        """What it does, in a sentence."""
        return self.what or (self.handler.__doc__ or "").split("\n")[0].replace("``", "`")
