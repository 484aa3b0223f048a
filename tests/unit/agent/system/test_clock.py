import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.system.clock import _split, _stamp, offset_s, request_packet

NOW = 1_790_000_000.25


def reply(sent: float, server: float, *, mode: int = 4, leap: int = 0, stratum: int = 2) -> bytes:
    head = struct.pack("!BB22x", leap << 6 | 4 << 3 | mode, stratum)
    return head + struct.pack("!6I", *_stamp(sent), *_stamp(server), *_stamp(server))


@given(
    sent=st.floats(min_value=-2e9, max_value=4e9),
    wrong=st.floats(min_value=-1e9, max_value=1e9),
    way=st.floats(min_value=0, max_value=2),
)
def test_the_offset_is_found_whatever_the_date_here_is(
    sent: float, wrong: float, way: float
) -> None:
    server = min(max(sent + wrong, -6e7), 4.2e9)  # what NTP can tell: 1968 to 2104
    found = offset_s(reply(sent, server + way / 2), sent, sent + way)
    assert found == pytest.approx(server - sent, abs=0.01)


def test_the_question_is_one_of_a_client_with_its_own_time() -> None:
    packet = request_packet(NOW)
    assert len(packet) == 48
    assert packet[0] & 7 == 3
    assert struct.unpack("!2I", packet[40:]) == _stamp(NOW)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x24" * 47,
        reply(NOW + 1, NOW),  # of another question
        reply(NOW, NOW, mode=3),
        reply(NOW, NOW, leap=3),
        reply(NOW, NOW, stratum=0),  # a kiss of death
        reply(NOW, NOW, stratum=16),
        reply(NOW, NOW)[:40] + bytes(8),
    ],
)
def test_what_is_no_time_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"time|answer"):
        offset_s(answer, NOW, NOW)


@pytest.mark.parametrize(
    ("server", "split"),
    [
        ("ntp.example", ("ntp.example", 123)),
        ("ntp.example:1123", ("ntp.example", 1123)),
        ("192.0.2.1", ("192.0.2.1", 123)),
        ("2001:db8::1", ("2001:db8::1", 123)),
        ("[2001:db8::1]", ("2001:db8::1", 123)),
        ("[2001:db8::1]:1123", ("2001:db8::1", 1123)),
    ],
)
def test_a_time_server_may_have_a_port(server: str, split: tuple[str, int]) -> None:
    assert _split(server) == split
