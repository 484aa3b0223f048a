"""How the controller's log lines look: time, level, message, then the record's data as ``key=value``.

Secrets are masked in whatever is logged, also by libraries: urllib3 writes URLs with agents' tokens.
"""

import json
import logging
import sys
from typing import Any

from agent.protocol.foreign_text import clean_text
from agent.protocol.secret_names import MASK, is_secret

_MOST_CHARS = 8192
"""Of a message; of each of its data half as many."""
_MOST_TRACEBACK_CHARS = 65_536
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
            f" {name}={_shown(name, value)}"
            for name, value in vars(record).items()
            if name not in _OWN
        )
        line = clean_text(super().formatMessage(record), _MOST_CHARS).replace("\n", "\\n")
        return line + "".join(data)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # the library's name
        """Return a traceback without secrets."""
        return clean_text(super().formatException(ei), _MOST_TRACEBACK_CHARS)


def set_up_logging(level: str) -> None:
    """Send this program's records of ``level`` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if level != "DEBUG":  # it warns of every head that a peer sends broken, with a traceback
        logging.getLogger("urllib3").setLevel(logging.ERROR)


def _shown(name: str, value: object) -> str:
    """Quote what could be taken for another value or, with a line break in it, for another record."""
    text = MASK if is_secret(name) and value else clean_text(value, _MOST_CHARS // 2)
    is_plain = text and text.isprintable() and not any(c in text for c in ' "=')
    return text if is_plain else json.dumps(text)
