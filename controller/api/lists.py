"""Lists: paging arguments of a request, and the ``next`` link of a reply."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from controller.api.call import Call
from controller.errors import Invalid
from controller.store.paging import Page

MAX_LIMIT = 1000
PAGE_ARGUMENTS = ("limit", "marker", "sort_key", "sort_dir")


def asked_page(call: Call, sortable: Mapping[str, str], ident: str = "uuid") -> Page:
    """Return the page that the arguments ask for.

    Args:
        call: The request.
        sortable: Columns by the names under which a list can be sorted by them.
        ident: The column whose value is the marker.

    Raises:
        Invalid: A limit below 1, a direction that is none, a field that cannot be sorted by.
    """
    sort_key = call.query.get("sort_key") or "id"
    if sort_key != "id" and sort_key not in sortable:
        valid = ", ".join(["id", *sorted(sortable)])
        raise Invalid(
            f"The sort_key value {sort_key} is an invalid field for sorting; valid: {valid}"
        )
    sort_dir = call.query.get("sort_dir", "asc")
    if sort_dir not in ("asc", "desc"):
        raise Invalid(f"Invalid sort direction: {sort_dir}. Acceptable values are 'asc' or 'desc'")
    return Page(
        limit=_limit(call.query.get("limit")),
        marker=call.query.get("marker") or None,
        sort_column=sortable.get(sort_key, "id"),
        ident=ident,
        is_descending=sort_dir == "desc",
    )


def listing(call: Call, name: str, items: Sequence[Any], page: Page, last: str) -> dict[str, Any]:
    """Return the document of one page; ``next`` is there when the page is full.

    Args:
        call: The request.
        name: Key of the items.
        items: The page.
        page: What was asked for.
        last: what the next page begins behind, if there is any row.
    """
    document: dict[str, Any] = {name: items}
    if len(items) == page.limit:
        query = dict(call.query) | {"limit": str(page.limit), "marker": last}
        document["next"] = f"{call.base_url}{call.path}?{urlencode(query, safe=',')}"
    return document


def _limit(text: str | None) -> int:
    if text is None:
        return MAX_LIMIT
    try:
        limit = int(text)
    except ValueError:
        raise Invalid(f"Expected an integer for limit: {text}") from None
    if limit <= 0:
        raise Invalid("Limit must be positive")
    return min(limit, MAX_LIMIT)
