import logging
import sys

from controller.log_output import LineFormatter


def line(message: str, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"msg": message, "levelname": "INFO", "created": 0.0, "msecs": 0.0}
    )
    vars(record).update(extra)
    return LineFormatter().format(record)


def test_a_line_has_time_level_message_and_data() -> None:
    text = line("lease given", mac="52:54:00:00:00:01", why="a b", count=3)
    assert text.endswith(' INFO    lease given mac=52:54:00:00:00:01 why="a b" count=3')


def test_data_cannot_pretend_to_be_other_data_or_another_line() -> None:
    assert len(line("m", a="x\nERROR all is lost").splitlines()) == 1
    assert line("m", a="x b=1").endswith(' m a="x b=1"')
    assert line("m", a="x\nERROR all is lost").endswith(r' m a="x\nERROR all is lost"')
    assert line("m", a="b=1").endswith(' m a="b=1"')
    assert line("m", a="").endswith(' m a=""')


def test_the_traceback_comes_below_the_line() -> None:
    try:
        int("odd")
    except ValueError:
        text = line("failed", exc_info=sys.exc_info(), request_id="req-1")
    first, *rest = text.splitlines()
    assert first.endswith(" failed request_id=req-1")
    assert rest[0].startswith("Traceback")
    assert rest[-1].startswith("ValueError: ")


def test_no_secret_and_no_control_character_gets_into_a_line() -> None:
    url = "/v1/commands/?agent_token=geheim&wait=true"
    text = line(
        f'https://10.0.0.1:9999 "GET {url} HTTP/1.1" 200\x1b[2J\nERROR', token="geheim", at=url
    )
    assert "geheim" not in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1
    assert "wait=true" in text


def test_the_key_of_a_boot_medium_is_in_no_line_and_no_traceback() -> None:
    url = f"http://192.0.2.1/Boot/Media/6d6f5a7e-5b0c-4c1c-9d55-0a3f6c1b7e21/{'aB12' * 16}/boot.iso"
    record = logging.makeLogRecord(
        {"msg": "body: %(data)s", "args": {"data": {"Image": url}}, "levelname": "DEBUG"}
    )
    assert "aB12" not in LineFormatter().format(record)
    try:
        int(url)
    except ValueError:
        text = line("failed", exc_info=sys.exc_info(), at=url)
    assert "boot.iso" in text
    assert "aB12" not in text


def test_a_traceback_has_no_secrets_either() -> None:
    try:
        int("http://user:geheim@proxy/")
    except ValueError:
        text = line("failed", exc_info=sys.exc_info())
    assert "ValueError" in text
    assert "geheim" not in text
