"""The routes of a collection, made of its description: lists, one item, creation, patch, deletion, lists below a parent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from flask import Response

from controller.api.call import Call
from controller.api.lists import PAGE_ARGUMENTS
from controller.api.replies import empty_reply
from controller.api.resource.changing import create_item, delete_item, patch_item
from controller.api.resource.description import Resource
from controller.api.resource.reading import document, list_page, listed_names, wanted_names
from controller.api.resource.rules import Condition, Parent
from controller.api.route import Route

Handler = Callable[..., Response]
NO_OWN: Mapping[str, Handler] = MappingProxyType({})


def routes_of(
    resource: Resource, *, own: Mapping[str, Handler] = NO_OWN, is_written: bool = True
) -> tuple[Route, ...]:
    """Return the routes of a collection.

    Args:
        resource: The collection.
        own: Handlers by method, for a resource that changes in ways of its own.
        is_written: Clients may create, change and delete.
    """
    items = _Items(resource)
    reads = (
        *_lists(_List(resource)),
        _item(resource, "GET", items.show, query=("fields",), gives=resource.name),
        *(route for parent in resource.parents for route in _lists(_List(resource, parent))),
    )
    return (*reads, *_writes(resource, items, own)) if is_written else reads


def _writes(resource: Resource, items: "_Items", own: Mapping[str, Handler]) -> Iterator[Route]:
    name = resource.name
    made = _item(
        resource, "POST", own.get("POST", items.create), takes=f"{name}.create", gives=name
    )
    yield made._replace(path=f"/v1/{resource.path}")
    patch = own.get("PATCH", items.patch)
    yield _item(resource, "PATCH", patch, takes=f"{name}.patch", gives=name)
    yield _item(resource, "DELETE", own.get("DELETE", items.delete))


def _item(resource: Resource, method: str, handler: Handler, **said: Any) -> Route:
    early = HTTPStatus.NOT_FOUND if method == "GET" else resource.early_write
    made = Route(method, f"/v1/{resource.path}/<ident>", handler, resource.since, early, **said)
    names = ", by UUID or name" if resource.has_names else ""
    return made._replace(what=made.sentence.format(resource.one, names))


def _lists(one: "_List") -> Iterator[Route]:
    resource, parent = one.resource, one.parent
    place = f"/v1/{parent.path}/{resource.path}" if parent else f"/v1/{resource.path}"
    since = max(resource.since, parent.since) if parent else resource.since
    whose = f" of one of the {parent.path.partition('/')[0]}" if parent else ""
    words = f"Return a page of {resource.plural}{whose}"
    made = Route("GET", place, one.index, since, gives=f"{resource.name}.list")
    chosen = (*PAGE_ARGUMENTS, *one.filters())
    yield made._replace(what=f"{words}.", query=(*chosen, "fields", "detail"))
    if resource.has_detail:
        words = f"{words} with all fields."
        yield made._replace(path=f"{place}/detail", handler=one.detail, what=words, query=chosen)


@dataclass(frozen=True, slots=True)
class _List:
    """The lists of a collection, or of that part of it that is below a parent (``ident``)."""

    resource: Resource
    parent: Parent | None = None

    def index(self, call: Call, ident: str = "") -> Response:
        """Return a page."""
        return self._page(call, ident, listed_names(call, self.resource))

    def detail(self, call: Call, ident: str = "") -> Response:
        """Return a page with all fields."""
        return self._page(call, ident, self.resource.known(call.minor))

    def filters(self) -> Iterator[str]:
        """Return the names of the arguments that choose rows."""
        for name, one in self.resource.filters.items():
            if self.parent is None or one.is_below:
                yield name

    def _page(self, call: Call, ident: str, names: Sequence[str]) -> Response:
        given = [name for name in self.filters() if name in call.query]
        for name in given:
            call.require(self.resource.filters[name].since, f"The filter {name}")
        with call.services.store.read() as session:
            conditions: list[Condition | None] = [
                self.resource.filters[name].rows(call, session, call.query[name]) for name in given
            ]
            if self.parent is not None:
                conditions.append(self.parent.rows(call, session, ident))
            conditions.extend(self.resource.visible(call, session))
            rows = [one for one in conditions if one is not None]
            return list_page(call, session, self.resource, names, rows)


@dataclass(frozen=True, slots=True)
class _Items:
    """What can be done with one item; the sentences are completed with its name."""

    resource: Resource

    def create(self, call: Call) -> Response:
        """Create {0}."""
        uuid = create_item(call, self.resource, call.body_object())
        return document(call, self.resource, uuid, status=HTTPStatus.CREATED)

    def show(self, call: Call, ident: str) -> Response:
        """Show {0}{1}."""
        names = wanted_names(call, self.resource, self.resource.known(call.minor))
        return document(call, self.resource, ident, names)

    def patch(self, call: Call, ident: str) -> Response:
        """Change {0} by JSON patch."""
        return document(call, self.resource, patch_item(call, self.resource, ident))

    def delete(self, call: Call, ident: str) -> Response:
        """Delete {0}."""
        delete_item(call, self.resource, ident)
        return empty_reply()
