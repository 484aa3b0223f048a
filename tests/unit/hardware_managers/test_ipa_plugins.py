"""What a plug-in for ironic-python-agent brings itself, and what it only inherits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.devices import BlockDevice
from agent.hardware.registry import Hardware
from hardware_managers.ipa_compatibility import base_classes, errors, native
from hardware_managers.ipa_compatibility.adapter import adapt
from tests.unit.fakes import FakeRunner


def disk(name: str) -> BlockDevice:
    return BlockDevice(
        path=Path(f"/dev/{name}"),
        size_bytes=1 << 30,
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=False,
    )


class Lister:
    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (disk("sda"), disk("san"))


GENERIC = HardwareManager(
    name="generic_hardware_manager", version="1", support=Support.GENERIC, disk_lister=Lister()
)


@pytest.fixture(autouse=True)
def place() -> Iterator[None]:
    native.install(native.Native(FakeRunner({}), lambda: Hardware([GENERIC])))
    yield
    base_classes.use_managers(())


class HidesByBase(base_classes.HardwareManager):
    def filter_device(self, device: Any) -> Any:
        return None if device.name == "/dev/san" else device


class HidesByGeneric(base_classes.GenericHardwareManager):
    def filter_device(self, device: Any) -> Any:
        if device.name == "/dev/sda":
            raise errors.IncompatibleHardwareMethodError("not mine")
        return None


class OnlySteps(base_classes.GenericHardwareManager):
    HARDWARE_MANAGER_NAME = "only_steps"


@pytest.mark.parametrize("plugin", [HidesByBase, HidesByGeneric])
@pytest.mark.parametrize("support", [1, 3])
def test_a_disk_that_a_plugin_hides_is_hidden_whatever_its_base_and_rank(
    plugin: type[base_classes.HardwareManager], support: int
) -> None:
    chain = Hardware([GENERIC, adapt(plugin(), support)])
    assert [one.path.name for one in chain.disks()] == ["sda"]


def test_what_is_only_inherited_is_not_offered() -> None:
    offered = adapt(OnlySteps(), 3)
    assert offered.disk_lister is None
    assert offered.disk_filter is None
    assert offered.erasers == ()
    assert offered.name == "only_steps"


def test_two_plugins_hide_together() -> None:
    class HidesTheOther(base_classes.HardwareManager):
        HARDWARE_MANAGER_NAME = "other"

        def filter_device(self, device: Any) -> Any:
            return None if device.name == "/dev/sda" else device

    chain = Hardware([GENERIC, adapt(HidesByBase(), 2), adapt(HidesTheOther(), 3)])
    assert chain.disks() == ()
