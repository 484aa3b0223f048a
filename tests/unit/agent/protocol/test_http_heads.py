"""What must be known of a request before a thread is taken."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.http_server.bounds import PoolSize, party
from agent.protocol.http_server.heads import Refusal, read_head

HEAD = b"POST /v1/nodes%2Fa?b=%20 HTTP/1.1\r\nHost: x\r\ncontent-length: 12\r\n\r\n"
MOST = 1000


@given(st.lists(st.integers(0, len(HEAD)), max_size=8), st.binary(max_size=20))
def test_a_head_is_found_when_its_last_byte_comes_however_it_is_cut(
    cuts: list[int], body: bytes
) -> None:
    scanned = 0
    for end in sorted(cuts):
        found = read_head(HEAD[:end], scanned, MOST)
        assert (found is None) == (end < len(HEAD))
        if found is None:
            scanned = end
    whole = read_head(HEAD + body, min(scanned, len(HEAD) - 1), MOST)
    assert whole is not None
    assert (whole.path, whole.head_bytes, whole.body_bytes) == ("/v1/nodes/a", len(HEAD), 12)


@pytest.mark.parametrize(
    ("lines", "body_bytes"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"CONTENT-LENGTH:7\r\nContent-Length: 7\r\n", 7),
        (b"Content-Length: 7\r\nContent-Length: 8\r\n", None),
        (b"Content-Length: -1\r\n", None),
        (b"Content-Length: 1_0\r\n", None),
        (b"Content-Length: " + b"9" * 500 + b"\r\n", None),
        (b"Transfer-Encoding: chunked\r\n", None),
        (b"Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", None),
        (b"Content-Length: 7\r\nExpect: 100-continue\r\n", None),
        (b"X-Content-Length: 7\r\n", 0),
    ],
)
def test_the_length_of_a_body_is_known_or_not(lines: bytes, body_bytes: int | None) -> None:
    found = read_head(b"POST / HTTP/1.1\r\n" + lines + b"\r\n", 0, MOST)
    assert found is not None
    assert found.body_bytes == body_bytes


@given(st.binary(max_size=2 * MOST))
def test_any_bytes_are_a_head_a_refusal_or_the_beginning_of_one(data: bytes) -> None:
    try:
        found = read_head(data, 0, MOST)
    except Refusal:
        assert len(data) >= MOST
    else:
        assert (found is not None and found.head_bytes <= MOST) or len(data) < MOST


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"x" * MOST, HTTPStatus.REQUEST_URI_TOO_LONG),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * MOST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
)
def test_a_head_that_is_too_long_is_refused(data: bytes, status: HTTPStatus) -> None:
    with pytest.raises(Refusal) as refused:
        read_head(data, 0, MOST)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("127.0.0.1", None),
        ("127.3.4.5", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_client_counts_as_its_address_or_its_network(address: str, whose: str | None) -> None:
    assert party(address) == whose


def test_an_address_gets_a_quarter_of_a_pool_and_one_thread_at_least() -> None:
    assert [PoolSize.of(threads).per_address for threads in (1, 3, 4, 64)] == [1, 1, 1, 16]
