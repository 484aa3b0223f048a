"""A web server that lies, trickles or forgets what it served never gets a wrong byte into the stream, nor holds it for ever."""

import random
from collections.abc import Iterator

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.http import Access
from agent.images.sources.pace import Pace
from agent.images.sources.source import HttpSource, RetryPolicy
from tests.integration.image_server import image_server
from tests.integration.scripted_server import Asked, ScriptedServer, head, part, scripted_server

CONTENT = random.Random(5).randbytes(400_000)  # content of a test image
QUICK = RetryPolicy(tries=4, first_pause_s=0, sleep=lambda _s: None)
PACE = Pace(timeout_s=30)
HASTY = Pace(timeout_s=0.3, least_bytes=1000)


def read_all(
    url: str, said: list[str] | None = None, pace: Pace = PACE, *, is_verified: bool = True
) -> bytes:
    """Read an image from front to back, as the pipeline does."""
    notify = (said if said is not None else []).append
    source = HttpSource(url, Access(pace=pace), QUICK, notify, is_verified=is_verified)
    content, room = bytearray(), memoryview(bytearray(100_000))
    try:
        while count := source.read_into(room):
            content += room[:count]
    finally:
        source.disconnect()
    return bytes(content)


def test_two_hundred_connections_cut_at_random_bytes_change_nothing() -> None:
    places = random.Random(20).sample(range(1, len(CONTENT)), 200)
    with image_server() as server:
        for place in places:
            url = server.serve("i", CONTENT, cuts=[place])
            assert read_all(url) == CONTENT, place
        assert sum(text != "bytes=0-" for text in server.ranges()) == len(places)


def test_a_length_that_is_too_large_ends_at_the_last_byte_there_is() -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        if asked.start >= len(CONTENT):
            yield head("416 Range Not Satisfiable", Content_Length=0)
        else:
            total = len(CONTENT) + 1000
            lie = {"Content_Range": f"bytes {asked.start}-{total - 1}/{total}"}
            yield part(CONTENT, asked.start, **lie, Content_Length=total - asked.start)

    with (
        scripted_server(script) as server,
        pytest.raises(
            ImageDownloadError, match=rf"before byte {len(CONTENT)}.*announced more.*start again"
        ),
    ):
        read_all(server.url)


def test_a_length_that_is_too_large_without_range_is_given_up_at_that_byte() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("200 OK", Content_Length=len(CONTENT) + 1) + CONTENT

    with (
        scripted_server(script) as server,
        pytest.raises(ImageDownloadError, match=f"gave up at byte {len(CONTENT)} after 4 tries"),
    ):
        read_all(server.url)
    assert len(server.asked) == 4


def test_more_bytes_than_announced_are_refused() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        size = len(CONTENT)
        yield head("206 Partial Content", Content_Range=f"bytes 0-{size - 1}/{size}")
        yield CONTENT + b"more"

    with (
        scripted_server(script) as server,
        pytest.raises(ImageDownloadError, match=f"sent more than the {len(CONTENT)} bytes"),
    ):
        read_all(server.url)


def test_a_server_that_sends_less_than_was_asked_for_is_asked_for_the_rest() -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        last = min(asked.start + 99_999, len(CONTENT) - 1)
        piece = CONTENT[asked.start : last + 1]
        lie = f"bytes {asked.start}-{last}/{len(CONTENT)}"
        yield head("206 Partial Content", Content_Range=lie, Content_Length=len(piece)) + piece

    with scripted_server(script) as server:
        assert read_all(server.url) == CONTENT
        assert [asked.start for asked in server.asked] == [0, 100_000, 200_000, 300_000]


def test_a_server_that_forgets_range_in_the_middle_is_read_again_from_the_start() -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        if asked.number:
            yield head("200 OK", Content_Length=len(CONTENT)) + CONTENT
        else:
            yield part(CONTENT, 0)[:-1000]

    said: list[str] = []
    with scripted_server(script) as server:
        assert read_all(server.url, said) == CONTENT
    assert any("has no Range; reading 399000 bytes again" in text for text in said)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"Content_Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}, "Content-Range 'bytes 5"),
        ({"Content_Range": "bytes */5"}, "status 206 with Content-Range"),
        ({"Content_Range": ""}, "status 206 with Content-Range"),
        ({"Content_Range": "bytes 200000-500000/400000"}, "ends behind the file"),
        ({"Content_Range": "bytes 200000-399999/400000", "Content_Length": 7}, "Length of 7"),
    ],
)
def test_a_wrong_content_range_is_refused_with_the_byte(
    headers: dict[str, object], shown: str
) -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        if asked.number:
            yield part(CONTENT, 200_000, **headers)
        else:
            yield part(CONTENT, 0)[:-200_000]

    with (
        scripted_server(script) as server,
        pytest.raises(
            ImageDownloadError, match=rf"bytes from 200000 on, the server answered.*{shown}"
        ),
    ):
        read_all(server.url)


def test_a_first_answer_without_content_range_is_refused() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("206 Partial Content", Content_Length=len(CONTENT)) + CONTENT

    with (
        scripted_server(script) as server,
        pytest.raises(ImageDownloadError, match="206 with Content-Range None"),
    ):
        read_all(server.url)


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"ETag": '"a"'}, {"ETag": '"b"'}, 'ETag was "a" and is now "b"'),
        (
            {"Last_Modified": "Mon, 01 Jun 2026 10:00:00 GMT"},
            {"Last_Modified": "Tue, 02 Jun 2026 10:00:00 GMT"},
            "Last-Modified was Mon",
        ),
        ({}, {"Content_Range": "bytes 300000-399999/400001"}, "size was 400000 and is now 400001"),
    ],
)
@pytest.mark.parametrize("is_partial", [True, False], ids=["range", "whole"])
def test_a_file_that_changed_between_cut_and_resume_is_refused_with_the_byte(
    before: dict[str, str], after: dict[str, str], shown: str, is_partial: bool
) -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        if not asked.number:
            yield part(CONTENT, 0, **before)[:-100_000]
        elif is_partial:
            yield part(CONTENT, 300_000, **after)
        else:
            size = len(CONTENT) + (not before)
            yield head("200 OK", Content_Length=size, **after) + CONTENT

    with scripted_server(script) as server:
        with pytest.raises(
            ImageDownloadError, match=r"changed.*before byte 300000.*start again"
        ) as e:
            read_all(server.url, is_verified=False)
        assert shown in str(e.value)
        validator = next(iter(before.values()), None)
        assert (f"If-Range: {validator}" in server.asked[1].text) == (validator is not None)


def trickle(server: ScriptedServer, first: bytes) -> Iterator[bytes]:
    """Yield a byte now and then until the test ends."""
    yield first
    while not server.closing.wait(0.05):
        yield b"7"


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        head("200 OK", Content_Length=len(CONTENT)),
        head("200 OK", Transfer_Encoding="chunked"),
        head("200 OK", Transfer_Encoding="chunked") + b"fffff\r\n",
        head("200 OK"),
    ],
    ids=["headers", "body", "chunk line", "chunk", "until the end"],
)
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(first: bytes) -> None:
    running: list[ScriptedServer] = []
    reason = r"gave up at byte \d+ after 4 tries.*(only \d|nothing came)"
    with scripted_server(lambda _asked: trickle(running[0], first)) as server:
        running.append(server)
        with pytest.raises(ImageDownloadError, match=reason):
            read_all(server.url, pace=HASTY)


def test_a_gzip_file_may_be_labelled_as_what_it_is() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield part(CONTENT, 0, Content_Encoding="x-gzip")

    with scripted_server(script) as server:
        assert read_all(f"{server.url}.raw.gz") == CONTENT


def test_chunks_are_read_and_a_broken_one_is_asked_for_again() -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        size = len(CONTENT)
        given = {"Content_Range": f"bytes {asked.start}-{size - 1}/{size}"}
        yield head("206 Partial Content", Transfer_Encoding="chunked", **given)
        yield b"30d40\r\n" + CONTENT[asked.start :][:200_000] + b"\r\n"
        yield b"no number\r\n" if not asked.number else b"0\r\n\r\n"

    said: list[str] = []
    with scripted_server(script) as server:
        assert read_all(server.url, said) == CONTENT
    assert any("lost at byte 200000" in text for text in said)


@pytest.mark.parametrize("length", [1, 30])
def test_redirects_in_a_circle_end(length: int) -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        yield head("302 Found", Location=f"/{(asked.number + 1) % length}", Content_Length=0)

    with (
        scripted_server(script) as server,
        pytest.raises(ImageDownloadError, match="more than 5 redirects"),
    ):
        read_all(server.url)
    assert len(server.asked) == 6


def test_a_redirect_to_something_that_is_no_web_server_is_refused() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("302 Found", Location="file:///etc/shadow", Content_Length=0)

    with (
        scripted_server(script) as server,
        pytest.raises(ImageDownloadError, match="which is no web address"),
    ):
        read_all(server.url)
