import ssl

import pytest

from agent.protocol.clocks import clock_words, date_of, date_problem, find_cause

NOW = 1_420_070_410.0  # 2015-01-01 00:00:10


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        (NOW + 86400 * 4000 + 3600 * 5 + 7, "4000 days 5 h later; set the wrong one"),
        (NOW - 86400, "the server's says 2014-12-31 00:00:10 UTC, 1 days earlier"),
        (NOW + 30, "like the server's; renew the certificate"),
        (None, "what the server's says is not known"),
    ],
)
def test_both_clocks_and_their_difference_are_said(peer: float | None, words: str) -> None:
    text = clock_words(NOW, peer)
    assert "which says 2015-01-01 00:00:10 UTC" in text
    assert words in text


@pytest.mark.parametrize(
    ("head", "date"),
    [
        (b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2015 00:00:10 GMT\r\n\r\n", NOW),
        (b"HTTP/1.1 501 No\r\ndate:Thu, 01 Jan 2015 00:00:10 -0000\r\n", NOW),
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n", None),
        (b"Date: Thu, 01 Jan 99999 00:00:10 GMT\r\n", None),
        (b"Date: Fri, 31 Dec 9999 23:59:59 -2300\r\n", None),
        (b"\xff\xfe", None),
    ],
)
def test_the_date_of_an_answer_is_read(head: bytes, date: float | None) -> None:
    assert date_of(head) == date


def test_other_failures_have_nothing_to_do_with_clocks() -> None:
    untrusted = ssl.SSLCertVerificationError()
    untrusted.verify_code = 20
    for error in (OSError("refused"), ssl.SSLError("handshake"), untrusted):
        assert date_problem(error, "https://127.0.0.1:1") is None


def test_a_cause_is_found_wherever_libraries_put_it() -> None:
    inner = ssl.SSLCertVerificationError()
    outer = ValueError(OSError("x", inner))
    assert find_cause(outer, ssl.SSLCertVerificationError) is inner
    loop = ValueError()
    loop.__context__ = loop
    assert find_cause(loop, OSError) is None
