"""BIOS settings and firmware components as real Ironic shows them: the same rows in both databases, the same requests."""

import json
import sqlite3
import time
from typing import Any

from controller.store import firmware
from controller.store.nodes import get_node
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
BIOS_MINORS = (39, 40, 73, 74, 115)
FIRMWARE_MINORS = (85, 86, 113, 114, 115)
SETTINGS: tuple[dict[str, Any], ...] = (
    {"name": "Virtualization", "value": "Enabled", "attribute_type": "Enumeration"}
    | {"allowable_values": ["Enabled", "Disabled"], "read_only": False, "reset_required": True},
    {"name": "BootOrder", "value": None},
    {"name": "MemoryMiB", "value": "1024", "attribute_type": "Integer", "lower_bound": 0}
    | {"upper_bound": 2**40, "unique": False},
    {"name": "asset-tag_1.x~", "value": "", "attribute_type": "String", "min_length": 0}
    | {"max_length": 63, "unique": True, "read_only": True},
)
COMPONENTS: tuple[dict[str, Any], ...] = (
    {"component": "bios", "initial_version": "1.0", "current_version": "2.0"}
    | {"last_version_flashed": "2.0", "vendor": "Acme", "model": "X", "serial_number": "7"},
    {"component": "nic:NIC1", "initial_version": "1", "current_version": None},
)


def keep(
    beside: Beside, uuid: str, theirs: str, ours: Any, rows: tuple[dict[str, Any], ...]
) -> None:
    """Write the same rows into both databases."""
    with beside.ours.services.store.edit() as session:
        node = get_node(session, uuid)
        session.add_all(ours(node_id=node.id, created_at=time.time(), **row) for row in rows)
    with sqlite3.connect(beside.theirs.database, timeout=30) as database:
        (node_id,) = database.execute("SELECT id FROM nodes WHERE uuid = ?", (uuid,)).fetchone()
        for row in rows:
            values = {"node_id": node_id, "created_at": "2026-01-01 00:00:00", "version": "1.0"}
            values |= {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
            marks = ", ".join("?" * len(values))
            names = ", ".join(f'"{name}"' for name in values)
            database.execute(
                f"INSERT INTO {theirs} ({names}) VALUES ({marks})",
                tuple(values.values()),
            )
    database.close()


def test_bios_settings_are_listed_and_shown(beside: Beside) -> None:
    node = beside.node()
    path = f"/v1/nodes/{node}/bios"
    for minor in BIOS_MINORS:
        beside.same("GET", path, minor=minor)
    keep(beside, node, "bios_settings", firmware.BiosSetting, SETTINGS)
    for minor in BIOS_MINORS:
        for query in (
            *("", "?detail=true", "?detail=false", "?detail=x", "?fields=name,read_only"),
            *(
                "?fields=name&detail=true",
                "?fields=x",
                "?limit=1",
                "?sort_key=name",
            ),
            *("?fields=", "?fields=created_at", "?fields=allowable_values,lower_bound"),
        ):
            beside.same("GET", f"{path}{query}", minor=minor)
        for setting in (*(row["name"] for row in SETTINGS), "nope", "x" * 300):
            beside.same("GET", f"{path}/{setting}", minor=minor)
        beside.same("GET", f"{path}/BootOrder?fields=name", minor=minor)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        beside.same(method, path, {})
        beside.same(method, f"{path}/BootOrder", {})
    beside.refused(404, "GET", f"/v1/nodes/{beside.uuid()}/bios")
    beside.refused(404, "GET", f"/v1/nodes/{beside.uuid()}/bios/BootOrder")


def test_firmware_components_are_listed(beside: Beside) -> None:
    """Without ``?detail=``: theirs describes it and refuses every value."""
    node = beside.node()
    path = f"/v1/nodes/{node}/firmware"
    beside.ok("GET", path)
    keep(beside, node, "firmware_information", firmware.FirmwareComponent, COMPONENTS)
    for minor in FIRMWARE_MINORS:
        for query in (
            *("", "?fields=component", "?fields=vendor"),
            *("?fields=x", "?fields=component&detail=true", "?limit=1", "?fields=created_at"),
            *("?detail=x", "?fields=model,current_version"),
        ):
            beside.same("GET", f"{path}{query}", minor=minor)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        beside.same(method, path, {})
    beside.refused(404, "GET", f"/v1/nodes/{beside.uuid()}/firmware")
