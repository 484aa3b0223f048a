from pathlib import Path

import pytest

from controller.peers.connections import direct


def context_of(trusted_pem: str | None) -> object:
    return direct(trusted_pem).connection_pool_kw["ssl_context"]


def test_the_systems_authorities_are_read_once_for_all_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading takes 30 ms and a megabyte, and a thousand agents are asked in turns."""
    first = context_of(None)
    assert context_of(None) is first
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert context_of(None) is not first
