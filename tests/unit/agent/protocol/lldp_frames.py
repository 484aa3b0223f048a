"""Frames as switches send them, made byte by byte after IEEE 802.1AB-2016."""

from collections.abc import Sequence

MULTICAST = bytes.fromhex("0180c200000e")
SWITCH_MAC = bytes.fromhex("02005e001001")


def tlv(kind: int, value: bytes) -> bytes:
    return ((kind << 9) | len(value)).to_bytes(2, "big") + value


def frame(tlvs: Sequence[tuple[int, bytes]], *, tag: bytes = b"") -> bytes:
    unit = b"".join(tlv(kind, value) for kind, value in tlvs) + tlv(0, b"")
    return (MULTICAST + SWITCH_MAC + tag + b"\x88\xcc" + unit).ljust(60, b"\0")


MANDATORY = (
    (1, b"\x04" + SWITCH_MAC),
    (2, b"\x05Ethernet1/7"),
    (3, (120).to_bytes(2, "big")),
)
SWITCH = (
    *MANDATORY,
    (4, b"node-17 port 0"),
    (5, b"tor-a1"),
    (6, b"NOS 4.2\nbuilt on a Tuesday"),
    (7, b"\x00\x14\x00\x04"),
    (8, b"\x05\x01\xc0\x00\x02\x01\x02\x00\x00\x00\x05\x00"),
    (
        8,
        b"\x11\x02"
        + bytes.fromhex("20010db8000000000000000000000001")
        + b"\x02\x00\x00\x00\x05\x00",
    ),
    (127, b"\x00\x80\xc2\x01\x00\x65"),
    (127, b"\x00\x80\xc2\x02\x06\x00\x66"),
    (127, b"\x00\x80\xc2\x03\x00\x65\x04prov"),
    (127, b"\x00\x80\xc2\x03\x00\x66\x04data"),
    (127, b"\x00\x80\xc2\x04\x02\x88\x8e"),
    (127, b"\x00\x80\xc2\x06\x00\x01"),
    (127, b"\x00\x80\xc2\x07\x03\x00\x00\x00\x2a"),
    (127, b"\x00\x12\x0f\x01\x03\x6c\x01\x00\x1e"),
    (127, b"\x00\x12\x0f\x04\x23\xf0"),
    (127, b"\x00\x26\x0b\x01\x02"),
)
