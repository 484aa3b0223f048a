import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.known_secrets import KnownSecrets
from agent.protocol.secret_names import MASK

SECRETS = st.text(min_size=6, max_size=72).filter(lambda text: MASK not in text and text.strip("*"))
WORDS = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)


@given(SECRETS, WORDS, WORDS)
def test_a_secret_is_masked_wherever_it_is_quoted(secret: str, before: str, after: str) -> None:
    known = KnownSecrets(in_sentences=frozenset({secret}))
    for quoted in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert known.text(f"{before}{quoted}{after}").count(quoted) == MASK.count(quoted)
    try:
        in_url = quote(secret, safe="")
    except UnicodeEncodeError:
        return
    assert in_url not in known.text(f"http://h/?x={in_url}{after}").replace(MASK, "")


@given(SECRETS, st.binary(max_size=40), st.binary(max_size=40))
def test_stars_change_no_length(secret: str, before: bytes, after: bytes) -> None:
    plain = secret.encode("utf-8", "surrogatepass")
    masked = KnownSecrets(everywhere=frozenset({secret})).stars(before + plain + after)
    assert len(masked) == len(before + plain + after)
    assert plain not in masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login root failed", "login ****** failed"),
        ("rootfs, chroot and --user=root", "rootfs, chroot and --user=******"),
        ("b'root\\n'", "b'******\\n'"),
    ],
)
def test_a_short_secret_counts_as_a_whole_word(text: str, shown: str) -> None:
    assert KnownSecrets(in_sentences=frozenset({"root"})).text(text) == shown


def test_what_may_be_a_name_is_left_alone_where_programs_read_it() -> None:
    known = KnownSecrets(everywhere=frozenset({"t-o-k-e-n"}), in_sentences=frozenset({"SN-4711"}))
    told = {"serial": "SN-4711", "said": ["no disk SN-4711 here"], "id": "t-o-k-e-n", "size": 1}
    assert known.document(told) == {
        "serial": "SN-4711",
        "said": ["no disk ****** here"],
        "id": MASK,
        "size": 1,
    }


def test_of_two_secrets_the_longer_one_is_masked_whole() -> None:
    known = KnownSecrets(in_sentences=frozenset({"geheim", "geheim-4711"}))
    assert known.text("it was geheim-4711!") == f"it was {MASK}!"


def test_pieces_of_a_packed_text_are_masked() -> None:
    packed = "H4sIAAAAAAAC" + "x7Yz" * 20
    known = KnownSecrets(packed=packed)
    assert known.text(f"cannot decode {packed[10:70]}: short") == f"cannot decode {MASK}: short"
    assert known.text("sha256 " + "0" * 64) == "sha256 " + "0" * 64


def test_no_secret_shows_in_its_own_representation() -> None:
    known = KnownSecrets(everywhere=frozenset({"abc123"}), packed="H4sI")
    assert "abc123" not in repr(known)
    assert "H4sI" not in repr(known)
