"""Which consoles the keeper wants: one node's fault is not the others', and who is cut off from the database lets go."""

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from controller.bmc.sol_console import SolConsole
from controller.hardware.console import LineProgram
from controller.workflow.consoles import ConsoleKeeper
from tests.integration.controller_api import Api, make_api
from tests.integration.postgres_server import postgres_server
from tests.integration.waiting import wait_until

_IPMI: dict[str, Any] = {
    "driver": "ipmi",
    "console_interface": "ipmitool-socat",
    "driver_info": {
        "ipmi_address": "192.0.2.1",
        "ipmi_username": "admin",
        "ipmi_password": "s3cret-word",
    },
}
_NO_ROOM: dict[str, Any] = {"console_limit": 0}
"""So nothing is opened, and every console that is wanted counts as left out."""


def _add(api: Api, name: str) -> str:
    uuid: str = api.node(**_IPMI, name=name)["uuid"]
    api.set_row(name, console_enabled=True, conductor="lab-1")
    return uuid


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path, **_NO_ROOM)
    yield made
    made.services.store.close()


def _wanted(api: Api, *uuids: str) -> list[bool]:
    return [api.services.consoles.is_left_out(uuid) for uuid in uuids]


def _damage(api: Api, uuid: str) -> None:
    with api.services.store.engine.begin() as connection:
        content = connection.execute(
            text("SELECT driver_info FROM nodes WHERE uuid = :uuid"), {"uuid": uuid}
        ).scalar_one()
        assert "s3cret-word" not in content
        password = api.services.store.keyring.seal("s3cret-word", "another_key")
        damaged = json.dumps({"ipmi_address": "192.0.2.1", "ipmi_password": password})
        connection.execute(
            text("UPDATE nodes SET driver_info = :damaged WHERE uuid = :uuid"),
            {"damaged": damaged, "uuid": uuid},
        )


def test_a_row_that_cannot_be_read_takes_no_other_nodes_console(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    uuids = [_add(api, name) for name in ("a", "b", "c")]
    _damage(api, uuids[1])
    keeper = ConsoleKeeper(api.services)
    with caplog.at_level(logging.WARNING):
        keeper._look()
        keeper._look()
    assert _wanted(api, *uuids) == [True, False, True]
    [told] = [record.getMessage() for record in caplog.records]
    assert uuids[1] in told


def test_a_plug_in_with_a_fault_takes_no_other_nodes_console(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuids = [_add(api, name) for name in ("a", "b", "c")]

    line_program = SolConsole.line_program

    def faulty(console: SolConsole, driver_info: dict[str, str]) -> LineProgram:
        if driver_info["ipmi_username"] == "faulty":
            raise KeyError(driver_info["ipmi_password"])
        return line_program(console, driver_info)

    monkeypatch.setattr(SolConsole, "line_program", faulty)
    api.set_row("b", driver_info={**_IPMI["driver_info"], "ipmi_username": "faulty"})
    keeper = ConsoleKeeper(api.services)
    with caplog.at_level(logging.WARNING):
        keeper._look()
    assert _wanted(api, *uuids) == [True, False, True]
    assert f"console of node {uuids[1]} cannot be opened: KeyError in " in caplog.text
    assert "s3cret-word" not in caplog.text


def test_the_keeper_outlives_a_fault(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    uuid, keeper = _add(api, "a"), ConsoleKeeper(api.services)
    with monkeypatch.context() as broken:
        broken.setattr(keeper, "_wanted", dict[str, str]().__getitem__)  # wants a word
        keeper._look()
    keeper._look()
    assert _wanted(api, uuid) == [True]


@pytest.mark.postgres
def test_who_is_cut_off_from_a_shared_database_lets_go_of_his_consoles(tmp_path: Path) -> None:
    with ExitStack() as server:
        url = server.enter_context(postgres_server())
        api = make_api(tmp_path, database_url=url, claim_lease_s=1.0, **_NO_ROOM)
        uuid, keeper = _add(api, "a"), ConsoleKeeper(api.services)
        keeper._look()
        keeper._let_go_if_cut_off()
        assert _wanted(api, uuid) == [True]
        server.close()
        keeper._look()
        assert _wanted(api, uuid) == [True]

        def has_let_go() -> bool:
            keeper._let_go_if_cut_off()
            return _wanted(api, uuid) == [False]

        wait_until(has_let_go, 30, "the consoles are let go")
        api.services.store.close()


def test_whose_the_console_is_goes_with_the_nodes_owner(api: Api) -> None:
    uuid, keeper = _add(api, "a"), ConsoleKeeper(api.services)
    assert [wish.whose for wish in keeper._wanted().values()] == [""]
    api.set_row("a", owner="blue")
    assert {key: wish.whose for key, wish in keeper._wanted().items()} == {uuid: "blue"}
