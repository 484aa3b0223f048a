"""What passes of a browser that may only watch: what it wants to be shown, byte by byte, and no key, no mouse, no clipboard."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import Forbidden
from controller.screens.watch_only import WatchOnly

PASSED = [
    b"\0" + bytes(19),
    b"\2\0\0\3" + b"\5" * 12,
    b"\2\0\0\0",
    b"\3\1" + b"\4" * 8,
    b"\x96\1" + b"\4" * 8,
    b"\xf8\0\0\0\0\0\0\0\4\5\5\5\5",
]
DROPPED = [
    b"\4\1\0\0\0\0\0a",
    b"\5\1\0\1\0\1",
    b"\5\x81\0\1\0\1\1",
    b"\6\0\0\0\0\0\0\x05hello",
    b"\6\0\0\0" + struct.pack(">i", -4) + b"\3\3\3\3",
    b"\xfa\0\1\2",
    b"\xfb\0\4\0\3\0\1\0" + b"\5" * 16,
    b"\xff\0\0\1" + b"\3" * 8,
]


@given(
    st.lists(
        st.sampled_from([*((True, one) for one in PASSED), *((False, one) for one in DROPPED)])
    ),
    st.lists(st.integers(1, 20)),
)
def test_only_what_asks_to_be_shown_passes_whatever_the_pieces(
    messages: list[tuple[bool, bytes]], sizes: list[int]
) -> None:
    said = b"".join(message for _, message in messages)
    wanted = b"".join(message for passes, message in messages if passes)
    watch, passed = WatchOnly(), b""
    for size in [*sizes, len(said)]:
        passed += watch.feed(said[:size])
        said = said[size:]
    assert passed == wanted


@pytest.mark.parametrize("kind", [1, 7, 9, 100, 151, 249, 252, 253, 254])
def test_what_is_not_known_ends_the_session(kind: int) -> None:
    with pytest.raises(Forbidden, match=f"kind {kind}"):
        WatchOnly().feed(bytes((kind,)))


def test_a_long_clipboard_is_dropped_as_it_comes() -> None:
    watch = WatchOnly()
    assert watch.feed(b"\6\0\0\0" + struct.pack(">I", 1 << 30)) == b""
    for _ in range(16):
        assert watch.feed(bytes((4,)) * (1 << 20)) == b""
        assert len(watch._data) == 0


@given(st.binary(max_size=300))
def test_what_passes_is_whole_messages_that_ask_to_be_shown(said: bytes) -> None:
    watch = WatchOnly()
    try:
        passed = watch.feed(said)
    except Forbidden:
        return
    again = WatchOnly()
    assert again.feed(passed) == passed
    assert not again._data
    assert not again._skips_bytes
