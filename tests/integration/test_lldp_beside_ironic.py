"""What a switch says, parsed by us and by real Ironic's hook: the same names, the same values."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.lldp import as_raw, parse_tlvs
from tests.unit.agent.protocol.lldp_frames import MANDATORY, SWITCH

PEER = Path(__file__).parents[2] / "build/peers/ironic/bin/python"

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not PEER.exists(), reason="make build/stamps/peer-ironic"),
]
_CASES: tuple[tuple[tuple[int, bytes], ...], ...] = (
    SWITCH,
    MANDATORY,
    ((1, b"\x07rack 7"), (2, b"\x03\x02\x00\x5e\x00\x10\x02"), MANDATORY[2]),
    ((1, b"\x05\x01\xc0\x00\x02\x01"), (2, b"\x07" + "Größe".encode()), MANDATORY[2]),
    (
        *MANDATORY,
        (127, b"\x00\x12\x0f\x03\x01\x00\x00\x00\x07"),
        (127, b"\x00\x12\x0f\x01\x00\x00\x00\x00\x10"),
    ),
    ((7, b"\xff\xff\x00\x00"), (8, b"\x07\x06\x02\x00\x5e\x00\x10\x01")),
)


@pytest.fixture(scope="module")
def theirs() -> list[Any]:
    script = Path(__file__).with_name("peer_lldp.py")
    asked = json.dumps([as_raw(case) for case in _CASES])
    done = subprocess.run(
        [PEER, script], input=asked, capture_output=True, text=True, timeout=120, check=True
    )
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("number", range(len(_CASES)))
def test_names_and_values_are_those_of_ironics_hook(theirs: list[Any], number: int) -> None:
    """Two of Ironic's errors are left to it, and out of the cases.

    It tells 10BASE-T full duplex where only half duplex is advertised, and forgets TLVs of organizations that come first.
    """
    assert parse_tlvs(_CASES[number]) == theirs[number]
