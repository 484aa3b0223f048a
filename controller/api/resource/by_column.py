"""Documents of a long list, made of its columns: what the whole page has alike is encoded once."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()
_NUMBERS = (bool, int)
_COMPARED = (*_NUMBERS, str, msgspec.Raw)
Document = dict[str, Any] | msgspec.Raw
"""A document, or its JSON."""


def documents_of(columns: Mapping[str, Sequence[Any]]) -> list[Document]:
    """Return one object for each place of the columns, which are equally long and not empty, to be encoded as JSON.

    Of a node's ninety fields most say the same for every node of a page: nothing is reserved, no error, no owner. Their JSON is
    made once; in each document it stands as the value of the first of them, with the names and values of the others behind it.
    """
    alike = {name: values[0] for name, values in columns.items() if are_alike(values)}
    names = [name for name in columns if name not in alike]
    if not names:
        (count,) = {len(values) for values in columns.values()}
        return [msgspec.Raw(_ENCODER.encode(alike))] * count
    others = [columns[name] for name in names]
    if not alike:
        return [dict(zip(names, row, strict=True)) for row in zip(*others, strict=True)]
    first = next(iter(alike))
    value = msgspec.Raw(_ENCODER.encode(alike)[len(_ENCODER.encode({first: 0})) - 2 : -1])
    names = [first, *names]
    rows = zip(repeat(value, len(others[0])), *others, strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def are_alike(values: Sequence[Any]) -> bool:
    """Say whether all of these are certainly written alike; ``1`` and ``True`` are equal and are not, nor ``0.0`` and ``-0.0``."""
    first = values[0]
    if first is not None and not isinstance(first, _COMPARED):
        return False
    if values[-1] != first or values.count(first) != len(values):
        return False
    return not isinstance(first, _NUMBERS) or len(set(map(type, values))) == 1
