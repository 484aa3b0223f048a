"""A config drive is unpacked from every form that clients send, and what is none is refused with a sentence."""

import base64
import bz2
import gzip
import lzma
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.config_drive import MAX_BYTES, decode, pack, packed, sector_bytes
from agent.protocol.refusal import Refusal

ISO = bytes(0x8001) + b"CD001" + bytes(1000)


def fat(size_of_sectors: int) -> bytes:
    return (
        b"\xeb\x58\x90mkfs.fat" + size_of_sectors.to_bytes(2, "little") + bytes(497) + b"\x55\xaa"
    )


def test_a_config_drive_is_decoded_from_every_form() -> None:
    text = base64.encodebytes(gzip.compress(ISO)).decode()
    assert decode(text) == ISO
    assert decode(text.replace("=", "").replace("\n", "\r\n")) == ISO
    assert decode(gzip.compress(ISO)) == ISO
    assert decode(gzip.compress(ISO[:40000]) + gzip.compress(ISO[40000:]) + bytes(512)) == ISO
    assert decode(base64.b64encode(ISO)) == ISO
    assert decode(ISO) == ISO
    assert decode(fat(512)) == fat(512)


def gzipped(data: bytes) -> bytes:
    """Pack with gzip, without the time: it would be in the names of the tests, which every worker has to make alike."""
    return gzip.compress(data, mtime=0)


ONCE = base64.b64encode(gzipped(ISO))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty; leave it out"),
        (" \n", "is empty; leave it out"),
        (b"!!!", "neither base64"),
        ("#cloud-config\nusers: []\n", "neither base64"),
        ("\u00e9", "neither base64"),
        ("\ud83d", "neither base64"),
        ("abcde", "neither base64"),
        (
            base64.b64encode(b"#cloud-config\nusers: []\n"),
            "holds text; a config drive is base64 of",
        ),
        (base64.b64encode(lzma.compress(ISO)), "is packed with xz; a config drive is"),
        (base64.b64encode(bz2.compress(ISO)), "is packed with bzip2"),
        (base64.b64encode(ONCE), "was base64-encoded twice"),
        (base64.b64encode(base64.b64encode(ISO)), "was base64-encoded twice"),
        (base64.b64encode(gzipped(ONCE)), "was base64-encoded twice"),
        (gzipped(gzipped(ISO)), "was packed with gzip twice"),
        (gzipped(b"hello world"), "holds text"),
        (gzipped(bytes(100_000)), "no ISO 9660 or FAT"),
        (gzipped(ISO)[:-9], "cut off"),
        (gzipped(ISO) + b"\x1f\x8b", "cut off"),
        (gzipped(ISO) + b"more", "damaged"),
        (b"\x1f\x8b" + bytes(20), "damaged"),
        (gzipped(bytes(MAX_BYTES + 1)), "unpacks to more than"),
        (gzipped(bytes(MAX_BYTES // 2)) * 3, "unpacks to more than"),
        (gzipped(b"") * 10_001 + gzipped(ISO), "more than 10000 members"),
        (ISO + bytes(MAX_BYTES), "are allowed"),
        (b"A" * (2 * MAX_BYTES + 1), "are allowed"),
    ],
)
def test_a_config_drive_that_is_none_says_why(data: str | bytes, reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as caught:
        decode(data)
    assert "users" not in str(caught.value)


def test_every_agent_gets_the_same_form() -> None:
    assert packed(ONCE.decode()) == ONCE.decode()
    assert packed(ONCE.decode().rstrip("=") + "\n") == ONCE.decode()
    for other in (base64.b64encode(ISO).decode(), pack(ISO)):
        text = packed(other)
        assert gzip.decompress(base64.b64decode(text, validate=True)) == ISO


@given(st.binary() | st.text() | st.binary().map(base64.b64encode) | st.binary().map(gzip.compress))
def test_any_text_is_decoded_or_refused(data: str | bytes) -> None:
    with suppress(Refusal):
        assert sector_bytes(decode(data))


def test_the_sector_size_of_a_filesystem_is_found() -> None:
    assert sector_bytes(ISO) == 2048
    assert sector_bytes(fat(4096)) == 4096
    assert sector_bytes(fat(0)) is None
    assert sector_bytes(bytes(1000)) is None
