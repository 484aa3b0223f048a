"""Servers that pack on the way, mind Range, or disagree on a file's date give the published bytes all the same."""

import base64
import gzip
import random
import subprocess
from collections.abc import Iterator

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.http import Access
from agent.images.sources.source import HttpSource, RetryPolicy
from tests.integration.image_server import ImageServer, image_server
from tests.integration.scripted_server import Asked, head, part, scripted_server

CONTENT = (random.Random(8).randbytes(3000) + bytes(5000)) * 100  # content of a test image
QUICK = RetryPolicy(tries=4, first_pause_s=0, sleep=lambda _s: None)


def read_all(
    url: str, said: list[str] | None = None, access: Access | None = None
) -> tuple[bytes, HttpSource]:
    source = HttpSource(url, access or Access(), QUICK, (said if said is not None else []).append)
    content, room = bytearray(), memoryview(bytearray(100_000))
    try:
        while count := source.read_into(room):
            content += room[:count]
    finally:
        source.disconnect()
    return bytes(content), source


def curl(url: str, *options: str) -> bytes:
    """Fetch with the program that everybody knows."""
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--compressed", *options, url],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
@pytest.mark.parametrize("kind", ["length", "chunked", "until closed", "range"])
def test_what_a_server_packs_on_the_way_is_unpacked(coding: str, kind: str) -> None:
    packed = gzip.compress(CONTENT, mtime=0)

    def script(asked: Asked) -> Iterator[bytes]:
        told: dict[str, object] = {"Content_Encoding": coding, "ETag": '"1-gzip"'}
        body = packed
        if kind == "chunked":
            told["Transfer_Encoding"] = "chunked"
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
        elif kind != "until closed":
            told["Content_Length"] = len(packed)
        if kind == "range" and "Range:" in asked.text:
            yield part(packed, 0, **told)
        else:
            cut = None if asked.number else len(body) // 2
            yield head("200 OK", **told) + body[:cut]

    with scripted_server(script) as server:
        content, source = read_all(server.url)
        assert content == CONTENT == curl(server.url)
        assert "Accept-Encoding: identity" in server.asked[0].text
        assert source.size_bytes is None
        assert not source.has_ranges


def test_a_packed_body_that_breaks_off_is_read_again_without_range() -> None:
    packed = gzip.compress(CONTENT, mtime=0)

    def script(asked: Asked) -> Iterator[bytes]:
        reply = head("200 OK", Content_Encoding="gzip", Content_Length=len(packed)) + packed
        yield reply[: len(reply) // 2] if not asked.number else reply

    said: list[str] = []
    with scripted_server(script) as server:
        assert read_all(server.url, said)[0] == CONTENT
        assert ["Range:" in asked.text for asked in server.asked] == [True, False]
    assert any("reading" in text and "again" in text for text in said)


def test_a_server_that_packs_only_what_it_resumes_gives_the_right_bytes() -> None:
    packed = gzip.compress(CONTENT, mtime=0)

    def script(asked: Asked) -> Iterator[bytes]:
        if not asked.number:
            yield part(CONTENT, 0)[:-100_000]
        elif "Range:" in asked.text:
            yield part(packed, 5, Content_Range=f"bytes {asked.start}-799999/800000")
        else:
            yield head("200 OK", Content_Encoding="gzip", Content_Length=len(packed)) + packed

    def lying(asked: Asked) -> Iterator[bytes]:
        for piece in script(asked):
            marked = "Range:" in asked.text and asked.number
            yield piece.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1) if marked else piece

    with scripted_server(lying) as server:
        assert read_all(server.url)[0] == CONTENT


@pytest.mark.parametrize("times", [1, 2])
def test_a_gzip_file_labelled_gzip_is_read_as_it_is_published(times: int) -> None:
    """Once: the label is of the file. Twice: the server packed it once more."""
    published = gzip.compress(CONTENT, mtime=0)
    sent = published if times == 1 else gzip.compress(published, mtime=0)

    def script(asked: Asked) -> Iterator[bytes]:
        cut = -1000 if not asked.number else None
        if times == 1:
            yield part(sent, asked.start, Content_Encoding="gzip")[:cut]
        else:
            yield (head("200 OK", Content_Encoding="gzip", Content_Length=len(sent)) + sent)[:cut]

    with scripted_server(script) as server:
        assert read_all(server.url + "/disk.raw.gz")[0] == published


def test_another_coding_is_refused_by_name() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("200 OK", Content_Encoding="br", Content_Length=3) + b"abc"

    with (
        scripted_server(script) as server,
        pytest.raises(ImageDownloadError, match="packs the file as 'br' on the way"),
    ):
        read_all(server.url)


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "403 Forbidden", "416 Range Not Satisfiable"]
)
@pytest.mark.parametrize("from_request", [0, 1])
def test_a_server_that_minds_range_is_asked_once_without(status: str, from_request: int) -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        has_range = "Range:" in asked.text
        if has_range and asked.number >= from_request:
            yield head(status, Content_Length=0)
        elif has_range:
            yield part(CONTENT, asked.start)[:-100_000]
        else:
            yield head("200 OK", Content_Length=len(CONTENT)) + CONTENT

    said: list[str] = []
    with scripted_server(script) as server:
        if status.startswith("416") and from_request:
            with pytest.raises(ImageDownloadError, match="changed during the download"):
                read_all(server.url)
            return
        content, source = read_all(server.url, said)
        assert content == CONTENT
        assert not source.has_ranges
        assert len(server.asked) == 2 + from_request
    assert any(f"Range with HTTP status {status[:3]}" in text for text in said)


def test_a_server_that_refuses_either_way_is_asked_twice() -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("403 Forbidden", Content_Length=0)

    with scripted_server(script) as server:
        with pytest.raises(ImageDownloadError, match=r"403.*credentials"):
            read_all(server.url)
        assert len(server.asked) == 2


def test_servers_behind_one_name_may_disagree_on_the_date() -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        date = f"Mon, 01 Jun 2026 10:00:0{asked.number} GMT"
        cut = None if asked.number else -100_000
        yield part(CONTENT, asked.start, Last_Modified=date)[:cut]

    with scripted_server(script) as server:
        assert read_all(server.url)[0] == CONTENT
        assert [asked.start for asked in server.asked] == [0, len(CONTENT) - 100_000]


def test_a_redirector_that_chooses_another_mirror_each_time_is_followed() -> None:
    with image_server() as one, image_server() as other:
        urls = [
            one.serve("i", CONTENT, etags=['"a"'], cuts=[300_000]),
            other.serve("i", CONTENT, etags=['"b"']),
        ]

        def script(asked: Asked) -> Iterator[bytes]:
            yield head("302 Found", Location=urls[asked.number], Content_Length=0)

        with scripted_server(script) as redirector:
            assert read_all(redirector.url)[0] == CONTENT
        assert (one.ranges(), other.ranges()) == (["bytes=0-"], ["bytes=300000-"])


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


def basic(login: str) -> str:
    return "Basic " + base64.b64encode(login.encode()).decode()


def test_the_login_in_an_address_survives_a_redirect_within_its_origin_only(
    server: ImageServer,
) -> None:
    with image_server() as other:
        for place, keeps in ((server.url("i"), True), (other.url("i"), False)):
            server.serve("i", CONTENT)
            other.serve("i", CONTENT)
            url = server.serve("there", b"", location=place)
            read_all(url.replace("//", "//tux:p%40ss@", 1))
            last = (server if keeps else other).requests[-1]
            assert last.path == "/i"
            assert last.authorization == (basic("tux:p@ss") if keeps else None)
