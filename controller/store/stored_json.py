"""Documents that are passed on as the text that the database has: decoding and encoding them again would be most of a long list's cost."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import JSON, ColumnElement, Dialect, type_coerce
from sqlalchemy.types import TypeDecorator

from agent.protocol.masking import may_hold_secrets
from controller.store.sealing import MARK, SealedJson, SealedList


def may_pass(column: Any) -> bool:
    """Say whether a column holds JSON that can be passed on."""
    kind = getattr(column, "type", None)
    return isinstance(kind, JSON | SealedJson) and not isinstance(kind, SealedList)


def passed_on(column: Any) -> ColumnElement[Any]:
    """Return the column for a query whose documents are only sent on: each is JSON text, or the value where that must be opened."""
    coerced: ColumnElement[Any] = type_coerce(column, _PassedOn(column.type))
    return coerced


def passed_on_unless_secret(column: Any) -> ColumnElement[Any]:
    """Return the column for a query whose documents are shown with their secrets masked: JSON text where certainly none is in it."""
    coerced: ColumnElement[Any] = type_coerce(column, _PassedOnUnlessSecret(column.type))
    return coerced


_EMPTY: dict[Any, Any] = {text: msgspec.Raw(text.encode()) for text in ("{}", "[]")}
_SQLITE = "sqlite"
_KEPT, _KEPT_CHARS = 64, 1024
"""So many values of a column that can be passed on are kept as they were read, if they are no longer than this."""


class _Read(dict[Any, Any]):
    """Reads JSON columns' values; what most rows have, empty or of the same kind of machine, without a call of Python's."""

    def __init__(self, process: Callable[[Any], Any]) -> None:
        self._process = process
        self._always = _EMPTY | {None: process(None)}
        super().__init__(self._always)

    def __missing__(self, raw: Any) -> Any:
        made = self._process(raw)
        if isinstance(made, msgspec.Raw) and len(raw) <= _KEPT_CHARS:
            if len(self) >= _KEPT:
                self.clear()
                self.update(self._always)
            self[raw] = made
        return made


class _PassedOn(TypeDecorator[Any]):
    """Reads a column of JSON as ``msgspec.Raw`` where the driver gives its text and nothing in it is sealed."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any]:
        """Return what reads a row's value."""
        whole = self.kind.dialect_impl(dialect).result_processor(dialect, coltype)

        def process(raw: Any) -> Any:
            if isinstance(raw, str) and self.is_open(raw):
                return _EMPTY.get(raw) or msgspec.Raw(raw)
            return raw if whole is None else whole(raw)

        # Other drivers give documents, which are no keys.
        return _Read(process).__getitem__ if dialect.name == _SQLITE else process

    def is_open(self, text: str) -> bool:
        """Say whether the text can be shown as it is."""
        return MARK not in text


class _PassedOnUnlessSecret(_PassedOn):
    """Likewise, but decoded where something might have to be masked."""

    cache_ok = True

    def is_open(self, text: str) -> bool:
        """Say whether the text can be shown as it is."""
        return super().is_open(text) and not may_hold_secrets(text)
