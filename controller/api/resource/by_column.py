"""Documents of a long list as JSON, made of its columns: what the whole page has alike is encoded once."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()
_NUMBERS = (bool, int)
_COMPARED = (*_NUMBERS, str, msgspec.Raw)
Document = dict[str, Any] | msgspec.Raw
"""A document, or its JSON."""


def documents_of(columns: Mapping[str, Sequence[Any]]) -> list[msgspec.Raw]:
    """Return one JSON object for each place of the columns, which are equally long and not empty.

    Of a node's ninety fields most say the same for every node of a page: nothing is reserved, no error, no owner.
    """
    alike = {name: values[0] for name, values in columns.items() if are_alike(values)}
    head = _ENCODER.encode(alike)[:-1]
    names = tuple(name for name in columns if name not in alike)
    if not names:
        (count,) = {len(values) for values in columns.values()}
        return [msgspec.Raw(head + b"}")] * count
    start = head + b"," if alike else head
    encode = _ENCODER.encode
    rows = zip(*(columns[name] for name in names), strict=True)
    return [msgspec.Raw(start + encode(dict(zip(names, row, strict=True)))[1:]) for row in rows]


def are_alike(values: Sequence[Any]) -> bool:
    """Say whether all of these are certainly written alike; ``1`` and ``True`` are equal and are not, nor ``0.0`` and ``-0.0``."""
    first = values[0]
    if first is not None and not isinstance(first, _COMPARED):
        return False
    if values[-1] != first or values.count(first) != len(values):
        return False
    return not isinstance(first, _NUMBERS) or len(set(map(type, values))) == 1
