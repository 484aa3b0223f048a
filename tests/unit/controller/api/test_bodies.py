import pytest

from controller.api.bodies import MAX_DEPTH, TooDeep, decode, limit_bytes
from controller.errors import Invalid


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_an_empty_body_is_nothing() -> None:
    assert decode(b"") is None
    assert decode(b" \n") is None


def test_the_deepest_allowed_document_is_read() -> None:
    assert isinstance(decode(nested(MAX_DEPTH)), dict)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100, 100_000])
def test_a_deeper_document_is_refused(depth: int) -> None:
    with pytest.raises(TooDeep, match="too deeply"):
        decode(nested(depth))


@pytest.mark.parametrize("body", [b"{bad", b"{} {}", b"\xff", b"nul", b'{"a": "\xff"}'])
def test_what_is_no_json_is_refused_with_the_place(body: bytes) -> None:
    with pytest.raises(Invalid, match="not valid JSON"):
        decode(body)


def test_only_provisioning_and_inspection_take_large_bodies() -> None:
    mib = 1024 * 1024
    assert limit_bytes("/v1/nodes") == mib
    assert limit_bytes("/v1/nodes/a~b/states/provision") == 64 * mib
    assert limit_bytes("/v1/nodes/a/b/states/provision") == mib
    assert limit_bytes("/v1/continue_inspection") == 16 * mib


def test_a_nul_character_is_refused_before_it_reaches_the_database() -> None:
    with pytest.raises(Invalid, match="NUL"):
        decode(b'{"a": ["\\u0000"]}')
