import struct
from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.dns_message import (
    AAAA,
    SRV,
    TXT,
    A,
    BadMessage,
    Record,
    address_of,
    answers,
    question,
    texts_of,
)

NAME = "baremetal._openstack._tcp.local"


def encoded(name: str) -> bytes:
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


def record(name: bytes, kind: int, data: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 120, len(data)) + data


def message(*records: bytes, flags: int = 0x8400) -> bytes:
    return struct.pack("!HHHHHH", 0, flags, 0, len(records), 0, 0) + b"".join(records)


def test_a_question_asks_for_an_answer_to_us_alone() -> None:
    asked = question("a.local.", (SRV, TXT))
    assert asked[:12] == struct.pack("!HHHHHH", 0, 0, 2, 0, 0, 0)
    assert asked[12:] == b"\1a\5local\0" + bytes([0, 33, 0x80, 1]) + b"\1a\5local\0" + bytes(
        [0, 16, 0x80, 1]
    )


def test_services_texts_and_addresses_are_read_through_compressed_names() -> None:
    first = record(encoded(NAME), SRV, struct.pack("!HHH", 0, 0, 6385) + b"\4host\xc0\x26")
    assert encoded(NAME)[0x26 - 12 :] == b"\5local\0"
    texts = record(b"\xc0\x0c", TXT, b"\x0dprotocol=http\5PATH=\1=\7ignored")
    address = record(b"\4host\xc0\x26", A, bytes([192, 0, 2, 7]))
    found = answers(message(first, texts, address))
    assert (found[0].name, found[0].target, found[0].port) == (NAME, "host.local", 6385)
    assert texts_of(found[1]) == {"protocol": "http", "path": ""}
    assert (found[2].name, address_of(found[2])) == ("host.local", ip_address("192.0.2.7"))


def test_an_address_of_a_wrong_length_is_none() -> None:
    assert address_of(Record(name="a", kind=AAAA, data=b"1234")) is None
    assert address_of(Record(name="a", kind=TXT, data=b"1234")) is None


def test_questions_of_others_are_no_answers() -> None:
    assert answers(message(flags=0)) == ()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        message(b"\xc0\x0c" + bytes(10)),  # a name that points at itself
        message(b"\x80a" + bytes(10)),
        message(record(encoded("a"), A, b"1234"))[:-2],
        struct.pack("!HHHHHH", 0, 0x8400, 0, 500, 0, 0),
        message(record(b"\x3f" + b"a" * 10, A, b"")),
    ],
)
def test_damaged_messages_are_refused(damaged: bytes) -> None:
    with pytest.raises(BadMessage):
        answers(damaged)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(received: bytes) -> None:
    with suppress(BadMessage):
        for found in answers(message(received)):
            texts_of(found)
            address_of(found)
