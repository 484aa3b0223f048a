"""``iscsi.start_iscsi_target`` needs a login that only the controller has, and names that iSCSI knows."""

from typing import Any

import pytest

from agent.errors import InvalidRequest
from tests.unit.agent.commands.command_desk import NODE, Desk

LOGIN = {
    "initiator": "iqn.2026-01.org.example:controller",
    "username": "ann",
    "password": "geheim-123456",
    "target_username": "machine",
    "target_password": "target-123456",
}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "the login is missing"),
        ({"login": LOGIN | {"initiator": "me"}}, "login.initiator is no iSCSI name"),
        ({"login": LOGIN | {"password": "short"}}, "12 letters at least"),
        ({"login": LOGIN | {"target_password": "geheim-123456"}}, "must differ"),
        ({"login": LOGIN | {"password": "geheim 123456\n"}}, "CHAP cannot take"),
        ({"login": LOGIN | {"username": ""}}, "CHAP cannot take"),
        ({"login": {"initiator": LOGIN["initiator"]}}, "missing required field `username`"),
        ({"login": LOGIN, "iqn": "../../etc"}, "iqn is '../../etc', no iSCSI name"),
        ({"login": LOGIN, "portal_port": 70000}, "portal_port is 70000"),
        ({"login": LOGIN, "wipe_disk_metadata": "yes"}, "wipe_disk_metadata"),
        ({"login": LOGIN, "node": None}, "no node is known"),
    ],
)
def test_what_cannot_be_exported_safely_is_refused_and_no_secret_repeated(
    desk: Desk, params: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        desk.do("iscsi.start_iscsi_target", {"node": NODE, **params})
    assert "geheim" not in str(caught.value)
    assert desk.executor.results() == []
