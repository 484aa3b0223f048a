"""Every name that real Ironic accepts for a node is accepted here, or the reference says what to choose instead."""

import re
from pathlib import Path

import pytest

from controller.errors import Invalid
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from tests.integration.ironics_own import NEEDS_IRONIC, answers

pytestmark = [*NEEDS_IRONIC]
REFERENCE = Path(__file__).parents[2] / "docs/reference/hardware.md"


@pytest.fixture(scope="module")
def theirs() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = answers("peer_hardware_types.py", [None])[0]
    return found


def refused(theirs: dict[str, dict[str, list[str]]]) -> set[tuple[str, str]]:
    """Return the kinds and names that a node of Ironic's may have and is not accepted with here."""
    catalog, found = load_catalog(Settings()), set()
    for driver, kinds in theirs.items():
        for kind, names in kinds.items():
            for name in names:
                try:
                    catalog.names_of(driver, {kind: name})
                except Invalid:
                    found.add((kind, name))
    return found


def test_all_hardware_types_of_ironic_are_served(
    theirs: dict[str, dict[str, list[str]]],
) -> None:
    assert len(theirs) > 4
    assert set(theirs) <= set(load_catalog(Settings()).types)


def test_what_is_not_accepted_has_a_row_that_says_what_to_choose(
    theirs: dict[str, dict[str, list[str]]],
) -> None:
    text = REFERENCE.read_text()
    rows = set(re.findall(r"^\| (\w+) `([\w-]+)` \| not accepted: `", text, re.MULTILINE))
    assert refused(theirs) == rows


@pytest.mark.parametrize(
    ("driver", "kind", "name"),
    [
        ("redfish", "vendor", "redfish"),
        ("idrac", "vendor", "idrac-redfish"),
        ("redfish", "boot", "http-ipxe"),
        ("ipmi", "boot", "http"),
        ("redfish", "management", "noop"),
        ("ipmi", "management", "noop"),
        ("intel-ipmi", "management", "intel-ipmitool"),
    ],
)
def test_names_of_nodes_that_exist_are_accepted(driver: str, kind: str, name: str) -> None:
    found = load_catalog(Settings()).interfaces_of(driver, {kind: name})
    assert found.names[kind] == name
