"""What a request handler gets: the services, the microversion, the query and the body; no Flask below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.protocol.loose_values import FALSE_WORDS, TRUE_WORDS, truth_word
from controller.api.access.principal import Principal
from controller.errors import Invalid, NotAcceptable
from controller.workflow.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    services: Services
    minor: int
    """Microversion 1.``minor``."""
    base_url: str
    """Scheme, host and port that the client used; no slash at the end."""
    path: str
    """Path of the request below ``base_url``."""
    query: Mapping[str, str]
    sender: str
    """Address that the request came from, behind trusted proxies too."""
    principal: Principal
    """Who asks."""
    read_json: Callable[[], Any]
    """Decodes the body; ``None`` when it is empty."""
    read_body: Callable[[int], bytes] = lambda _size: b""
    """Reads so many bytes of a body that is no JSON; nothing at its end."""
    last_event_id: str | None = None
    """Where a reader of an event stream was (``Last-Event-ID``)."""
    decided: set[tuple[Any, ...]] = field(default_factory=set)
    """What it was allowed by (``access/sight.py``, ``mark_of``)."""
    shared: dict[str, Any] = field(default_factory=dict)
    """What several fields are made by (``nodes/shapes.py``)."""

    def expect(self, *names: str) -> None:
        """Refuse query arguments that are none of ``names``."""
        unknown = sorted(set(self.query) - set(names))
        if unknown:
            valid = ", ".join(sorted(names)) or "none"
            raise Invalid(f"Unexpected arguments: {', '.join(unknown)}; valid here: {valid}")

    def require(self, minor: int, what: str) -> None:
        """Refuse ``what`` (406) when the request's microversion is older than 1.``minor``."""
        if self.minor < minor:
            raise NotAcceptable(
                f"{what} needs API version 1.{minor} or newer, the request has 1.{self.minor}; "
                f"send X-OpenStack-Ironic-API-Version: 1.{minor}"
            )

    def flag(self, name: str) -> bool | None:
        """Return a yes-or-no argument; ``None`` = not given."""
        text = self.query.get(name)
        return None if text is None else parse_boolean(text, name)

    def body_object(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object; an empty body counts as ``{}``."""
        document = self.read_json()
        if document is None:
            return {}
        if not isinstance(document, dict):
            raise Invalid(f"The body must be a JSON object, not {type(document).__name__}")
        return document


def refuse_unknown(document: Mapping[str, Any], *names: str) -> None:
    """Refuse keys of a body that are none of ``names``."""
    unknown = sorted(set(document) - set(names))
    if unknown:
        raise Invalid(f"Unexpected arguments: {', '.join(unknown)}; valid: {', '.join(names)}")


def parse_boolean(value: object, name: str) -> bool:
    """Return the truth value of a boolean or of one of the words that Ironic takes for one."""
    said = truth_word(value)
    if said is not None:
        return said
    valid = ", ".join(sorted((*TRUE_WORDS, *FALSE_WORDS)))
    raise Invalid(f"Invalid {name}: unrecognized value {value!r}, acceptable values are: {valid}")
