"""How the controller's log lines look: time, level, message, then the record's data as ``key=value``."""

import json
import logging
import sys

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
# What a record has of itself; everything else came with ``extra``.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class LineFormatter(logging.Formatter):
    """One line per record, and the traceback below it."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """Return the line of ``record``, with its data at the end."""
        data = (
            f" {name}={_shown(value)}" for name, value in vars(record).items() if name not in _OWN
        )
        return super().formatMessage(record) + "".join(data)


def set_up_logging(level: str) -> None:
    """Send this program's records of ``level`` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=level)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _shown(value: object) -> str:
    """Quote what could be taken for another value or, with a line break in it, for another record."""
    text = str(value)
    is_plain = text and text.isprintable() and not any(c in text for c in ' "=')
    return text if is_plain else json.dumps(text)
