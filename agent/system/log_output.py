"""How log records look: plain lines for people on the console, JSON lines for programs in a file."""

import json
import logging
import time
import traceback
from pathlib import Path

LOGGED = ("agent", "hardware_managers")
"""Whose records are told; of other libraries the warnings are."""
# What a record has of itself; everything else came with ``extra``.
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def uptime_s() -> float:
    """Return the seconds since the kernel started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class PlainFormatter(logging.Formatter):
    """``[  12.345] ingot-agent: message key=value``; the clock is the kernel's, as in its own messages."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        data = "".join(f" {name}={_shown(value)}" for name, value in extra_of(record).items())
        line = f"[{uptime_s():9.3f}] ingot-agent: {level}{record.getMessage()}{data}"
        return line if record.exc_info is None else f"{line}\n{_traceback(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object per record: ``time`` (seconds since the epoch), ``level``, ``logger``, ``message``, then its data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``."""
        document = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra_of(record),
        }
        if record.exc_info is not None:
            document["traceback"] = _traceback(record)
        return json.dumps(document, default=str)


def set_up_logging(*, debug: bool, log_file: str) -> None:
    """Send this program's records to standard error and, if ``log_file`` is not empty, to that file."""
    console = logging.StreamHandler()
    console.setFormatter(PlainFormatter())
    handlers: list[logging.Handler] = [console]
    if log_file:
        Path(log_file).parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(log_file)
        file.setFormatter(JsonFormatter())
        handlers.append(file)
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    for name in LOGGED:
        logging.getLogger(name).setLevel(logging.DEBUG if debug else logging.INFO)


def extra_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the data that came with a record."""
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def _traceback(record: logging.LogRecord) -> str:
    kind, error, where = record.exc_info or (None, None, None)
    return "".join(traceback.format_exception(kind, error, where)).rstrip()


def _shown(value: object) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return json.dumps(text) if any(c.isspace() for c in text) or not text else text
