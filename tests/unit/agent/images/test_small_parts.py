"""Formats by content, URLs in messages, credentials, identity of files, progress, buffers and stages."""

from urllib.parse import urlsplit

import pytest

from agent.errors import ImageDownloadError, ImageError
from agent.images.flow.buffers import Buffer, BufferPool
from agent.images.flow.meter import Meter
from agent.images.flow.raw_sink import runs
from agent.images.flow.stage import Stage
from agent.images.formats import recognition
from agent.images.formats.recognition import ImageFormat
from agent.images.sources import http
from agent.images.sources.file_identity import Identity
from agent.images.sources.source import RetryPolicy
from agent.protocol.commands import Progress


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"QFI\xfb\0\0\0\3", ImageFormat.QCOW2),
        (b"\x1f\x8b\x08\0", ImageFormat.GZIP),
        (b"\xfd7zXZ\0", ImageFormat.XZ),
        (b"\x28\xb5\x2f\xfd\0", ImageFormat.ZSTD),
        (b"\x57\x2a\x4d\x18\0", ImageFormat.ZSTD),
        (b"BZh91AY&SY", ImageFormat.BZIP2),
        (b"BZhello", ImageFormat.RAW),
        (bytes(512), ImageFormat.RAW),
    ],
)
def test_a_format_is_told_by_its_first_bytes(start: bytes, expected: ImageFormat) -> None:
    assert recognition.detect(start, "image") is expected


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"KDMV", "VMDK"),
        (b"vhdxfile", "VHDX"),
        (b"<html>", "web page"),
        (b"PK\3\4", "zip"),
        (bytes(0x8001) + b"CD001", "ISO 9660 image; .*publish a whole-disk image"),
        (b"", "empty"),
    ],
)
def test_what_cannot_be_written_is_named(start: bytes, what: str) -> None:
    with pytest.raises(ImageError, match=what):
        recognition.detect(start, "image")


@pytest.mark.parametrize(
    ("found", "declared", "is_fine"),
    [
        (ImageFormat.RAW, None, True),
        (ImageFormat.RAW, "gpt", True),
        (ImageFormat.ZSTD, "raw", True),
        (ImageFormat.QCOW2, "qcow2", True),
        (ImageFormat.QCOW2, "unknown", True),
        (ImageFormat.QCOW2, "raw", False),
        (ImageFormat.RAW, "qcow2", False),
        (ImageFormat.GZIP, "vmdk", False),
        (ImageFormat.RAW, "iso", False),
    ],
)
def test_the_declared_format_must_agree(
    found: ImageFormat, declared: str | None, is_fine: bool
) -> None:
    if is_fine:
        recognition.check_declared(found, declared, "image")
    else:
        with pytest.raises(ImageError, match="disk_format"):
            recognition.check_declared(found, declared, "image")


def test_urls_in_messages_carry_no_secret() -> None:
    shown = http.masked("https://user:pw@host:8443/a/b.raw?sig=abc#frag")
    assert shown == "https://host:8443/a/b.raw?***"
    assert http.masked("http://me:pw@[broken") == "http://[broken"


@pytest.mark.parametrize(
    ("origin", "target", "may"),
    [
        ("http://h/a", "http://h/b", True),
        ("http://h/a", "https://h/b", True),
        ("https://h/a", "http://h/b", False),
        ("https://h/a", "https://h:8443/b", False),
        ("https://h/a", "https://evil/b", False),
        ("https://h/a", "https://h.evil/b", False),
        ("https://h:443/a", "https://h/b", True),
    ],
)
def test_credentials_go_to_their_origin_only(origin: str, target: str, may: bool) -> None:
    assert http._may_share(urlsplit(origin), urlsplit(target)) is may


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "http:///x", "gopher://h"])
def test_only_web_addresses_are_fetched(url: str) -> None:
    with pytest.raises(ImageDownloadError, match=r"only http and https|names no host"):
        http.get(url, http.Access())


def test_secrets_do_not_appear_in_representations() -> None:
    access = http.Access(authorization="Bearer x1y2", proxies={"http": "http://u:x1y2@p"})
    assert "x1y2" not in repr(access)


def test_two_versions_of_a_file_are_told_apart() -> None:
    one = Identity(size_bytes=5, etag='"a"', last_modified=None)
    assert one.differs_from(Identity(size_bytes=5, etag=None, last_modified="x")) is None
    assert one.differs_from(Identity(size_bytes=6, etag='"a"', last_modified=None)) == (
        "size was 5 and is now 6"
    )
    assert one.if_range("") == '"a"'
    weak = Identity(size_bytes=5, etag='W/"a"', last_modified="Mon")
    assert weak.if_range("") is None
    assert weak.if_range("", by_date=True) == "Mon"


def test_two_servers_with_the_same_file_may_disagree_on_its_date_and_etag() -> None:
    one = Identity(size_bytes=5, etag='"a"', last_modified="Mon", server="http://a")
    other = Identity(size_bytes=5, etag='"b"', last_modified="Tue", server="http://b")
    assert one.differs_from(other) is None
    assert one.if_range("http://b") is None
    assert one.differs_from(other, by_date=True) == "Last-Modified was Mon and is now Tue"


def test_pauses_double_up_to_their_limit() -> None:
    policy = RetryPolicy(first_pause_s=1, longest_pause_s=5)
    assert [policy.pause_s(n) for n in range(1, 6)] == [1, 2, 4, 5, 5]


def test_a_meter_reports_rate_and_time_left_and_not_too_often() -> None:
    now = 0.0
    reports: list[Progress] = []
    meter = Meter(reports.append, lambda: now)
    meter.begin("write", 1000)
    for _ in range(100):
        now += 0.05
        meter.advance(5)
    assert 15 <= len(reports) <= 21
    last = reports[-1]
    assert last.phase == "write"
    assert last.rate_bytes_per_s == pytest.approx(100, rel=0.01)
    assert last.time_left_s == pytest.approx((1000 - (last.bytes_done or 0)) / 100, rel=0.01)
    assert reports[0].rate_bytes_per_s is None


def test_a_meter_forgets_old_rates() -> None:
    now = 0.0
    reports: list[Progress] = []
    meter = Meter(reports.append, lambda: now)
    meter.begin("write", None)
    for step in range(40):
        now += 1
        meter.advance(1000 if step < 20 else 10)
    assert reports[-1].rate_bytes_per_s == pytest.approx(10)
    assert reports[-1].time_left_s is None


def test_a_buffer_is_free_when_its_last_holder_lets_go() -> None:
    pool = BufferPool(1)
    buffer = pool.take(0)
    buffer.hold()
    buffer.release()
    buffer.release()
    assert pool.take(7) is buffer
    assert buffer.start_byte == 7


def filled(*blocks: bytes, size_bytes: int = 64 << 10) -> Buffer:
    """Return a buffer of blocks of 64 KiB that begin with these bytes."""
    buffer = BufferPool(1).take(0)
    for number, block in enumerate(blocks):
        buffer.view[number * size_bytes : number * size_bytes + len(block)] = block
    buffer.used_bytes = len(blocks) * size_bytes
    return buffer


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([b""], [(0, 1, True)]),
        ([b"x"], [(0, 1, False)]),
        ([b"", b"x", b""], [(0, 1, True), (1, 2, False), (2, 3, True)]),
        ([b"x", b"", b"\0x"], [(0, 3, False)]),
        ([b"x", b"", b"", b"x"], [(0, 1, False), (1, 3, True), (3, 4, False)]),
        ([], []),
    ],
)
def test_few_zeros_between_data_are_written_with_it(
    blocks: list[bytes], expected: list[tuple[int, int, bool]]
) -> None:
    found = [(start >> 16, end >> 16, zero) for start, end, zero in runs(filled(*blocks))]
    assert found == expected


def test_one_byte_at_the_end_of_a_block_is_no_zero() -> None:
    buffer = filled(b"", bytes((64 << 10) - 1) + b"x")
    assert [zero for _, _, zero in runs(buffer)] == [True, False]


def test_a_stage_that_fails_goes_on_letting_go() -> None:
    pool = BufferPool(2)

    def fail(buffer: Buffer) -> None:
        raise ImageError(f"at {buffer.start_byte}")

    stage = Stage("test", fail)
    for number in range(10):
        stage.put(pool.take(number))
    with pytest.raises(ImageError, match="at 0"):
        stage.finish()
