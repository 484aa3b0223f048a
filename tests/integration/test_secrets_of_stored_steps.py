"""Secret arguments of steps that are kept: sealed in the database, masked in answers, and kept when a mask is sent back."""

from typing import Any

import pytest
from sqlalchemy import select, text

from controller.store.deploy_templates import DeployTemplate
from controller.store.runbooks import Runbook
from controller.store.sealed_rows import rekey
from tests.integration.controller_api import Api

SECRET = "sesame-4711"
PLAIN = {"interface": "bios", "step": "plain", "args": {"level": 3}}
WITH = {"interface": "raid", "step": "with", "args": {"password": SECRET, "level": 3}}
COLLECTIONS = [("deploy_templates", "priority", DeployTemplate), ("runbooks", "order", Runbook)]


def stored(api: Api, table: Any) -> list[dict[str, Any]]:
    with api.services.store.read() as session:
        steps: list[dict[str, Any]] = session.scalars(select(table)).one().steps
        return steps


def raw(api: Api, table: Any) -> str:
    with api.services.store.read() as session:
        return str(
            session.execute(text(f"SELECT steps FROM {table.__tablename__}")).scalar_one()
        )  # a name of ours


@pytest.mark.parametrize(("name", "place", "table"), COLLECTIONS)
def test_a_secret_argument_is_sealed_masked_and_kept(
    api: Api, name: str, place: str, table: Any
) -> None:
    path = f"/v1/{name}"
    steps = [PLAIN | {place: 1}, WITH | {place: 2}]
    made = api.ok("POST", path, {"name": "CUSTOM_A", "steps": steps})
    assert made["steps"][1]["args"] == {"password": "******", "level": 3}
    assert SECRET not in raw(api, table)
    assert stored(api, table) == steps

    shown = api.ok("GET", f"{path}/CUSTOM_A")["steps"]
    shown[1]["args"]["level"] = 4
    patch = [{"op": "replace", "path": "/steps", "value": shown}]
    api.ok("PATCH", f"{path}/CUSTOM_A", patch)
    assert stored(api, table)[1]["args"] == {"password": SECRET, "level": 4}

    before = raw(api, table)
    assert rekey(api.services.store) == 1
    assert raw(api, table) != before
    assert stored(api, table)[1]["args"]["password"] == SECRET


@pytest.mark.parametrize(("name", "place", "table"), COLLECTIONS)
def test_steps_without_secrets_stay_readable_in_the_database(
    api: Api, name: str, place: str, table: Any
) -> None:
    api.ok("POST", f"/v1/{name}", {"name": "CUSTOM_A", "steps": [PLAIN | {place: 1}]})
    assert '"level":3' in raw(api, table).replace(" ", "")
    assert rekey(api.services.store) == 0
