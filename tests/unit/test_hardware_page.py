"""The page of what drives which machine leaves nothing out."""

import re
import tomllib
from pathlib import Path

from controller.bmc.snmp_outlets import TABLES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/hardware.md").read_text(encoding="utf-8")
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "entry-points"
]
GROUPS = [
    name
    for name in ENTRY_POINTS
    if name == "ingot.hardware_types" or name.startswith("ingot.interfaces.")
]


def test_every_hardware_type_and_every_interface_is_on_the_page() -> None:
    assert len(GROUPS) > 10
    said = set(re.findall("`([^`]+)`", PAGE))
    missing = {
        f"{group}: {name}" for group in GROUPS for name in ENTRY_POINTS[group] if name not in said
    }
    assert not missing


def test_interfaces_of_other_kinds_stand_in_their_own_row() -> None:
    rows = dict(re.findall(r"^\| ([a-z]+) \| (.+) \|$", PAGE, re.MULTILINE))
    for group in GROUPS:
        kind = group.removeprefix("ingot.interfaces.")
        if kind in {"power", "management", "ingot.hardware_types"}:
            continue
        assert re.findall("`([^`]+)`", rows[kind]) == list(ENTRY_POINTS[group]), kind


def test_every_kind_of_pdu_stands_there_with_its_source() -> None:
    for table in TABLES:
        assert f"| `{table.name}` |" in PAGE
        assert table.source in PAGE


def test_the_documentation_leads_there() -> None:
    assert "reference/hardware.md" in (ROOT / "docs/README.md").read_text(encoding="utf-8")
