from hypothesis import given
from hypothesis import strategies as st

from controller.boot.tftp.packets import (
    ErrorCode,
    ReadRequest,
    accepted_options,
    acknowledged,
    data_packet,
    error_packet,
    is_error,
    options_packet,
    read_request,
)


def test_a_request_of_grub_is_read() -> None:
    packet = b"\0\x01/grub/grub.cfg\0octet\0blksize\x001024\0tsize\x000\0"
    assert read_request(packet) == ReadRequest(
        name=b"/grub/grub.cfg", block_bytes=1024, wants_size=True
    )


def test_absurd_options_are_not_agreed_to_and_large_ones_are_made_smaller() -> None:
    packet = b"\0\x01f\0OCTET\0blksize\x0065464\0windowsize\x0099\0tsize\x000\0"
    request = read_request(packet)
    assert request is not None
    assert accepted_options(request, 7) == {b"blksize": 1428, b"windowsize": 16, b"tsize": 7}
    for odd in (b"0", b"-5", b"7", b"x", b"", b"9999999999999999999"):
        request = read_request(b"\0\x01f\0octet\0blksize\0" + odd + b"\0")
        assert request is not None
        assert accepted_options(request, 7) == {}


def test_writing_and_text_modes_are_no_requests() -> None:
    assert read_request(b"\0\x02f\0octet\0") is None
    assert read_request(b"\0\x01f\0netascii\0") is None
    assert read_request(b"\0\x01f\0octet") is None


@given(st.binary(max_size=600))
def test_no_packet_breaks_the_reader(packet: bytes) -> None:
    for head in (b"", b"\0\x01", b"\0\x01f\0octet\0"):
        request = read_request(head + packet)
        assert request is None or b"\0" not in request.name
        acknowledged(head + packet)
        is_error(head + packet)


def test_block_numbers_begin_again_after_16_bits() -> None:
    assert data_packet(0x10001, b"x") == b"\0\x03\0\x01x"
    assert acknowledged(b"\0\x04\xff\xff") == 0xFFFF


def test_packets_are_as_the_standards_say() -> None:
    assert options_packet({b"blksize": 1024, b"tsize": 5}) == b"\0\x06blksize\x001024\0tsize\x005\0"
    assert error_packet(ErrorCode.NOT_FOUND, "none") == b"\0\x05\0\x01none\0"
    assert is_error(error_packet(ErrorCode.OTHER, "gone"))
