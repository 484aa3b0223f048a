"""The beginning of RFB, with a screen's server and with a browser, in pieces of any size; and servers that say something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BmcAuthenticationFailed, BmcError, Invalid
from controller.screens.browser_handshake import BrowserHandshake
from controller.screens.server_handshake import ServerHandshake

V8, V7, V3 = b"RFB 003.008\n", b"RFB 003.007\n", b"RFB 003.003\n"
CHALLENGE = bytes(range(16))
ANSWER = bytes.fromhex("ee22539f33a5983ec12f9c2edbc995dd")
REASON = b"\0\0\0\x04nope"


def shake(said: bytes, password: str = "") -> tuple[ServerHandshake, bytes]:
    """Feed what is wanted, as it is wanted; return what is left of what the server said."""
    handshake = ServerHandshake(password)
    while not handshake.is_done and said:
        size = handshake.wanted_bytes
        handshake.feed(said[:size])
        said = said[size:]
    return handshake, said


@pytest.mark.parametrize(
    ("said", "password", "answered"),
    [
        (V8 + b"\1\1" + bytes(4), "", V8 + b"\1"),
        (V7 + b"\1\1", "", V7 + b"\1"),
        (V3 + b"\0\0\0\1", "", V3),
        (b"RFB 003.005\n\0\0\0\1", "", V3),
        (b"RFB 003.889\n\2\x1e\1" + bytes(4), "", V8 + b"\1"),
        (b"RFB 004.001\n\1\1" + bytes(4), "", V8 + b"\1"),
        (V8 + b"\2\1\2" + CHALLENGE + bytes(4), "secret", V8 + b"\2<16>"),
        (V8 + b"\1\1" + bytes(4), "secret", V8 + b"\1"),
        (V3 + b"\0\0\0\2" + CHALLENGE + bytes(4), "secret", V3 + b"<16>"),
    ],
)
def test_every_version_ends_where_the_pictures_begin(
    said: bytes, password: str, answered: bytes
) -> None:
    handshake, rest = shake(said + b"REST", password)
    assert handshake.is_done
    assert rest == b"REST"
    output = bytes(handshake.output)
    if answered.endswith(b"<16>"):
        assert len(output) == len(answered) + 12
        assert output.startswith(answered.removesuffix(b"<16>"))
        assert b"secret" not in output
    else:
        assert output == answered


def test_the_answer_to_a_challenge_is_that_of_the_standard() -> None:
    """Reckoned by ``openssl enc -des-ecb`` with the key's bits turned around."""
    handshake, _ = shake(V8 + b"\1\2" + CHALLENGE, "secret")
    assert bytes(handshake.output)[13:] == ANSWER


@pytest.mark.parametrize(
    ("said", "password", "words", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "", "does not speak VNC", BmcError),
        (b"RFB 002.000\n", "", "does not speak VNC", BmcError),
        (V8 + b"\0" + REASON, "", "refuses: nope", BmcError),
        (V3 + b"\0\0\0\0" + REASON, "", "refuses: nope", BmcError),
        (V8 + b"\1\x13", "", "VeNCrypt", BmcError),
        (V8 + b"\xff" + bytes(range(100, 355 - 100)) * 2, "", "offers only ways", BmcError),
        (V8 + b"\1\2", "", "wants a VNC password", BmcAuthenticationFailed),
        (
            V8 + b"\1\2" + CHALLENGE + b"\0\0\0\1" + REASON,
            "x",
            "refused: nope",
            BmcAuthenticationFailed,
        ),
        (V8 + b"\1\1\0\0\0\1\xff\xff\xff\xff", "", "gave no reason", BmcError),
        (V3 + b"\0\0\0\2" + CHALLENGE + b"\0\0\0\1", "x", "no reason", BmcAuthenticationFailed),
        (V3 + b"\0\0\1\1", "", "offers only ways", BmcError),
    ],
)
def test_a_server_that_refuses_or_speaks_something_else_is_told_of(
    said: bytes, password: str, words: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=words):
        shake(said, password)


@given(st.binary(max_size=200), st.sampled_from(["", "secret"]))
def test_rubbish_ends_in_an_error_or_waits(said: bytes, password: str) -> None:
    for begin in (b"", V8, V7, V3):
        try:
            handshake, _ = shake(begin + said, password)
        except BmcError:
            continue
        assert handshake.is_done or 0 < handshake.wanted_bytes <= 1024


@given(st.lists(st.integers(1, 13)))
def test_a_browser_is_let_in_without_a_login_whatever_the_pieces(sizes: list[int]) -> None:
    said, handshake, passed = V8 + b"\1" + b"\0" + b"rest of it", BrowserHandshake(), b""
    for size in [*sizes, 100]:
        passed += handshake.feed(said[:size]) if not handshake.is_done else said[:size]
        said = said[size:]
    assert handshake.is_done
    assert bytes(handshake.output) == V8 + b"\1\1" + bytes(4)
    assert passed == b"\1rest of it"  # shared, whatever it asked for


@pytest.mark.parametrize("said", [b"RFB 003.003\n", b"GET / HTTP/1.1", V8 + b"\2", b"\0"])
def test_a_browser_that_speaks_something_else_is_refused(said: bytes) -> None:
    with pytest.raises(Invalid, match=r"RFB 3\.8"):
        BrowserHandshake().feed(said)
