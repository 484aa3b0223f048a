import json
import logging
import sys

from agent.system.log_output import JsonFormatter, PlainFormatter


def record(message: str, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {
            "name": "agent.x",
            "msg": message,
            "levelno": level,
            "levelname": logging.getLevelName(level),
        }
    )
    vars(made).update(extra)
    return made


def test_a_plain_line_has_the_program_the_message_and_its_data() -> None:
    line = PlainFormatter().format(record("image written", disk="/dev/vda", why="a b"))
    assert line.endswith('ingot-agent: image written disk=/dev/vda why="a b"')


def test_a_plain_line_shows_only_levels_that_matter() -> None:
    assert "info" not in PlainFormatter().format(record("fine"))
    assert "ingot-agent: error: bad" in PlainFormatter().format(record("bad", logging.ERROR))


def test_numbers_are_short_and_never_in_powers_of_ten() -> None:
    line = PlainFormatter().format(record("done", ms=2190.12345, s=0.5, n=3.0))
    assert line.endswith("done ms=2190.123 s=0.5 n=3")


def test_a_json_line_has_message_and_data_apart() -> None:
    document = json.loads(JsonFormatter().format(record("image written", bytes=5)))
    assert (document["message"], document["bytes"], document["level"]) == (
        "image written",
        5,
        "INFO",
    )


def test_both_formats_carry_the_traceback() -> None:
    try:
        int("boom")
    except ValueError:
        failed = record("a bug", logging.ERROR, exc_info=sys.exc_info())
    assert "ValueError: invalid literal" in PlainFormatter().format(failed)
    assert "ValueError: invalid literal" in json.loads(JsonFormatter().format(failed))["traceback"]
