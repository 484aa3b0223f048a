import time

import pytest

from controller.api.keystone import token_cache
from controller.api.keystone.token_cache import TokenCache


def test_what_was_said_counts_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    cache = TokenCache(10)
    cache.set("a", b"1", time=300)
    now[0] += 9
    assert cache.get("a") == b"1"
    now[0] += 1
    assert cache.get("a") is None
    assert cache.get("b") is None


def test_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_cache, "_MOST", 3)
    cache = TokenCache(10)
    for name in "abcd":
        cache.set(name, name.encode())
    cache.set("e", b"x" * 200_000)
    assert [cache.get(name) for name in "abcde"] == [None, b"b", b"c", b"d", None]


def test_no_time_is_no_store() -> None:
    cache = TokenCache(0)
    cache.set("a", b"1")
    assert cache.get("a") is None
