"""The fields of a document that are a column of the row as it is: most of them, so they are taken together."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

_SEVERAL = 2


class Plain:
    """The fields of a choice that everybody sees as they are stored."""

    def __init__(self, columns: Mapping[str, str], places: Sequence[str]) -> None:
        """Prepare.

        Args:
            columns: By field.
            places: The columns of the query's rows, in their order.
        """
        self.columns = columns
        self._names = tuple(columns)
        found = [places.index(column) for column in columns.values()]
        # With one place alone, ``itemgetter`` returns no tuple.
        self._take = itemgetter(*found) if len(found) >= _SEVERAL else None
        self._few = found

    def of(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return these fields of a row."""
        if self._take is None:
            return dict(zip(self._names, (row[place] for place in self._few), strict=True))
        return dict(zip(self._names, self._take(row), strict=True))
