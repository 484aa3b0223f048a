"""The result of every burn-in says which machine passed."""

from pathlib import Path
from typing import Any

import pytest

from agent.hardware.capabilities import HardwareManager
from agent.hardware.devices import SystemIdentity
from agent.hardware.registry import Hardware
from hardware_managers.burnin import steps
from tests.unit.fakes import FakeRunner, Tools, disk


class Machine:
    """Lists its disks and, if it is a reader, says what SMBIOS has."""

    def list_disks(self) -> Any:
        return (disk("/dev/sda"),)

    def identity(self) -> SystemIdentity:
        return SystemIdentity(
            product_name="X", serial_number="SN1", manufacturer="Y", system_uuid="4c4c4544-0051"
        )


@pytest.mark.parametrize(
    ("is_reader", "system"), [(True, {"uuid": "4c4c4544-0051", "serial": "SN1"}), (False, {})]
)
def test_disks_and_system_are_in_the_result(
    tmp_path: Path, is_reader: bool, system: dict[str, str]
) -> None:
    machine: Any = Machine()
    reader = machine if is_reader else None
    manager = HardwareManager(
        name="m", version="1", support=1, disk_lister=machine, machine_reader=reader
    )
    context = Tools(FakeRunner({}), tmp_path).context(Hardware([manager]), {})
    told = steps._on_machine(lambda _context: {"figures": 7}, context)
    serial = disk("/dev/sda").serial
    assert told == {
        "figures": 7,
        "machine": {"disks": [serial] if serial else [], "system": system},
    }
