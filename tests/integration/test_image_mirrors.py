"""When one address of an image is given up, the next one goes on at the same byte."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.http import Access
from agent.images.sources.opening import Opener, SourceRules, open_image
from agent.images.sources.source import RetryPolicy
from agent.protocol.image import ImageInfo
from tests.integration.image_server import ImageServer, image_server

CONTENT = random.Random(6).randbytes(900_000)  # content of a test image
QUICK = RetryPolicy(tries=3, first_pause_s=0, sleep=lambda _s: None)


@pytest.fixture
def first() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


@pytest.fixture
def second() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


def read_all(*urls: str, said: list[str] | None = None) -> bytes:
    opener = Opener(
        access=Access(),
        retry=QUICK,
        rules=SourceRules(),
        notify=(said if said is not None else []).append,
        published=[],
    )
    content, room = bytearray(), memoryview(bytearray(100_000))
    with ExitStack() as clean_up:
        source = open_image(ImageInfo(id="i", urls=list(urls)), opener, clean_up)
        while count := source.read_into(room):
            content += room[:count]
        assert source.position == len(content)
    return bytes(content)


@pytest.mark.parametrize("fault", ["breaks", "refuses", "changes"])
def test_the_next_server_goes_on_at_the_same_byte(
    fault: str, first: ImageServer, second: ImageServer
) -> None:
    faults: dict[str, object] = {
        "breaks": {"cuts": [450_007, 0, 0, 0]},
        "refuses": {"cuts": [450_007], "statuses": [200, 404]},
        "changes": {"cuts": [450_007], "etags": ['"one"', '"two"']},
    }
    url = first.serve("a", CONTENT, **faults[fault])  # type: ignore[arg-type]  # test's own words
    said: list[str] = []
    assert read_all(url, second.serve("b", CONTENT, etags=['"other"']), said=said) == CONTENT
    assert second.ranges() == ["bytes=0-", "bytes=450007-"]
    assert any(f"{url} was given up at byte 450007" in text for text in said)


def test_stretches_come_from_the_next_server_too(first: ImageServer, second: ImageServer) -> None:
    url = first.serve("a", CONTENT, statuses=[200, 404])
    opener = Opener(
        access=Access(), retry=QUICK, rules=SourceRules(), notify=lambda _t: None, published=[]
    )
    with ExitStack() as clean_up:
        image = ImageInfo(id="i", urls=[url, second.serve("b", CONTENT)])
        source = open_image(image, opener, clean_up)
        assert source.read_at(70_001, 5000) == CONTENT[70_001:75_001]


@pytest.mark.parametrize(
    ("content", "faults", "reason"),
    [
        (CONTENT + b"x", {}, "900001 bytes with Range, the one before has 900000"),
        (CONTENT, {"has_ranges": False}, "900000 bytes without Range"),
        (b"", {"statuses": [404]}, "HTTP status 404"),
    ],
)
def test_a_server_that_cannot_go_on_is_named_with_the_reason_of_each(
    content: bytes,
    faults: dict[str, object],
    reason: str,
    first: ImageServer,
    second: ImageServer,
) -> None:
    url = first.serve("a", CONTENT, cuts=[450_007, 0, 0, 0])
    other = second.serve("b", content, **faults)
    with pytest.raises(ImageDownloadError, match=f"gave up at byte 450007.*{other}.*{reason}"):
        read_all(url, other)


def test_a_server_that_does_not_answer_is_left_out(first: ImageServer, second: ImageServer) -> None:
    assert read_all(first.url("gone"), second.serve("b", CONTENT)) == CONTENT
    with pytest.raises(ImageDownloadError, match=r"/gone.*404.*/none.*404"):
        read_all(first.url("gone"), second.url("none"))


def test_an_address_that_is_there_twice_is_tried_again(first: ImageServer) -> None:
    url = first.serve("a", CONTENT, statuses=[404, 200])
    assert read_all(url, url) == CONTENT
