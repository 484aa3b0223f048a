import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.foreign_text import (
    Bounds,
    UnfitDocument,
    clean_document,
    clean_line,
    clean_text,
)
from agent.protocol.secret_names import MASK

NASTY = "\x00\x1b\r\x7f\x9b\ud800\udce9\u202e\u2028\ufeff"
texts = st.text(st.characters() | st.sampled_from(NASTY) | st.sampled_from("\n\t ab@:/="))
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from((10**400, 2**64)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def assert_fit(text: str) -> None:
    text.encode()  # no lone surrogates
    assert not set(NASTY) & set(text)
    assert all(letter.isprintable() or letter.isspace() or ord(letter) > 0x9F for letter in text)


@given(texts, st.integers(64, 300))
def test_whatever_comes_is_fit_to_store_and_to_show(text: str, most_chars: int) -> None:
    for clean in (clean_text(text, most_chars), clean_line(text, most_chars)):
        assert_fit(clean)
        assert len(clean) <= most_chars
        assert clean_text(clean, most_chars) == clean
    assert "\n" not in clean_line(text, most_chars)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=64))
def test_a_proper_text_stays_as_it_is(text: str) -> None:
    assert clean_text(f"{text}\n\tnext") == f"{text}\n\tnext"


def test_a_text_that_was_cut_says_so() -> None:
    assert clean_text("x" * 1000, 100) == f"{'x' * 67} [... 933 characters left out]"
    clean = clean_text("x" * 10_000_000, 100)
    assert clean.endswith("characters left out]")
    assert len(clean) <= 100


def test_secrets_are_masked_before_the_text_is_cut() -> None:
    text = f"{'x' * 40} https://user:{'geheim' * 50}@host/"
    assert "geheim" not in clean_text(text, 64)
    assert clean_text("rootpwd=geheim\x00") == f"rootpwd={MASK}"


def test_undecodable_bytes_and_other_values_are_texts_afterwards() -> None:
    assert clean_text(b"W\xe9stern") == "W\N{REPLACEMENT CHARACTER}stern"
    assert clean_text("W\udce9stern") == "W\N{REPLACEMENT CHARACTER}stern"
    assert clean_text(None) == "None"


@given(documents)
def test_whatever_document_comes_is_one_that_json_and_a_database_hold(document: Any) -> None:
    clean = clean_document(document, Bounds(most_chars=200, most_key_chars=100))
    text = json.dumps(clean, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text
    assert_all_fit(clean)
    assert clean_document(clean) == clean


def assert_all_fit(value: Any) -> None:
    if isinstance(value, str):
        assert_fit(value)
        assert len(value) <= 200
    elif isinstance(value, int | float):
        assert -(2**63) <= value < 2**63 or isinstance(value, float)
    for key in value if isinstance(value, dict) else ():
        assert_all_fit(key)
        assert_all_fit(value[key])
    for item in value if isinstance(value, list) else ():
        assert_all_fit(item)


def test_a_document_that_is_too_deep_or_too_large_is_refused() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(UnfitDocument, match="more than 32 levels deep"):
        clean_document(deep)
    with pytest.raises(UnfitDocument, match="more than 100000 parts"):
        clean_document([0] * 100_001)


def test_secrets_of_documents_stay_because_programs_read_them() -> None:
    assert clean_document({"url": "http://u:p@h/"}) == {"url": "http://u:p@h/"}
