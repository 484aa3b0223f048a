from typing import Any

import pytest

from controller.bmc.fake import FakeDriver
from controller.errors import BmcError, Invalid
from controller.hardware.bmc import BootMode
from controller.store.tables import Node
from controller.workflow.firmware_wishes import (
    FirmwareWishes,
    bring_about,
    check_firmware_wishes,
    firmware_wishes,
)


def node(instance: Any = None, properties: Any = None) -> Node:
    return Node(
        uuid="u-1",
        instance_info={"capabilities": instance} if instance else {},
        properties={"capabilities": properties} if properties else {},
    )


@pytest.mark.parametrize(
    ("given", "wishes"),
    [
        (None, FirmwareWishes()),
        ({"boot_mode": "bios"}, FirmwareWishes(boot_mode=BootMode.BIOS)),
        ("secure_boot:true", FirmwareWishes(boot_mode=BootMode.UEFI, secure_boot=True)),
        ('{"secure_boot": "false"}', FirmwareWishes(secure_boot=False)),
        ({"boot_mode": "odd", "secure_boot": "maybe"}, FirmwareWishes()),
    ],
)
def test_an_instance_says_what_it_wants_in_each_spelling(
    given: object, wishes: FirmwareWishes
) -> None:
    assert firmware_wishes(node(given)) == wishes


def test_secure_boot_that_nobody_can_switch_is_refused_unless_a_person_says_that_it_is_on() -> None:
    with pytest.raises(Invalid, match="management interface ipmitool cannot switch Secure Boot"):
        check_firmware_wishes(node("secure_boot:true"), object(), "ipmitool")
    check_firmware_wishes(node("secure_boot:true", "secure_boot:true"), object(), "ipmitool")
    check_firmware_wishes(node("secure_boot:false"), object(), "ipmitool")
    fake = FakeDriver().connect({"fake_id": "m1"})
    check_firmware_wishes(node("secure_boot:true"), fake, "fake")


def test_only_what_differs_is_set_and_told() -> None:
    bmc = FakeDriver().connect({"fake_id": "m1"})
    bmc.set_boot_mode(BootMode.BIOS, timeout_s=5)
    wishes = FirmwareWishes(boot_mode=BootMode.UEFI, secure_boot=True)
    state = bring_about(wishes, bmc, timeout_s=5)
    assert state.changes == ("the boot mode was set to uefi", "Secure Boot was switched on")
    assert (state.boot_mode, state.secure_boot) == (BootMode.UEFI, True)
    assert bring_about(wishes, bmc, timeout_s=5).changes == ()


def test_a_bmc_that_takes_an_order_and_does_nothing_is_found_out() -> None:
    class Deaf:
        def boot_mode(self, *, timeout_s: float) -> BootMode:
            return BootMode.UEFI

        def set_boot_mode(self, mode: BootMode, *, timeout_s: float) -> None: ...

        def secure_boot(self, *, timeout_s: float) -> bool:
            return False

        def set_secure_boot(self, is_on: bool, *, timeout_s: float) -> None: ...

    with pytest.raises(BmcError, match="says boot mode uefi, Secure Boot off"):
        bring_about(FirmwareWishes(secure_boot=True), Deaf(), timeout_s=5)
