"""Both sides of a connection to PostgreSQL notice a peer that is gone."""

from controller.store.postgres_options import connection_options

_ADDRESS = "postgresql+psycopg://ingot@db/ingot"


def test_the_server_and_the_client_are_told_for_how_long_to_wait() -> None:
    found = connection_options(_ADDRESS)
    for name in ("idle", "interval", "count"):
        assert f"-c tcp_keepalives_{name}={found[f'keepalives_{name}']}" in found["options"]
    assert f"-c tcp_user_timeout={found['tcp_user_timeout']}" in found["options"]


def test_what_the_address_says_wins() -> None:
    found = connection_options(f"{_ADDRESS}?keepalives_idle=99&options=-c%20work_mem=8MB")
    assert "keepalives_idle" not in found
    assert found["options"].endswith(" -c work_mem=8MB")
