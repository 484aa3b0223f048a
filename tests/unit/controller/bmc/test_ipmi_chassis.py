from collections.abc import Sequence

import pytest

from controller.bmc.ipmi_chassis import IpmiBmc, decode_boot_flags, encode_boot_flags
from controller.bmc.ipmi_target import parse_target
from controller.errors import AlreadySo, BmcError
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState


class FakeTransport:
    """Answers from a list and remembers the requests."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[int, int, tuple[int, ...]]] = []

    def raw(
        self, netfn: int, command: int, data: Sequence[int], *, timeout_s: float, what: str
    ) -> tuple[int, bytes]:
        assert timeout_s > 0
        self.requests.append((netfn, command, tuple(data)))
        return self.answers.pop(0)


def bmc(transport: FakeTransport, **info: object) -> IpmiBmc:
    return IpmiBmc(parse_target({"ipmi_address": "192.0.2.10", **info}), transport)


@pytest.mark.parametrize(
    ("status", "state"), [(b"\x01\x00\x00", PowerState.ON), (b"\x60\x00\x00", PowerState.OFF)]
)
def test_bit_0_of_the_chassis_status_is_the_power_state(status: bytes, state: PowerState) -> None:
    assert bmc(FakeTransport((0, status))).power_state(timeout_s=1) is state


@pytest.mark.parametrize(
    ("method", "control"), [("power_off", 0), ("power_on", 1), ("reset", 3), ("soft_power_off", 5)]
)
def test_each_power_action_is_one_chassis_control(method: str, control: int) -> None:
    transport = FakeTransport((0, b""))
    getattr(bmc(transport), method)(timeout_s=1)
    assert transport.requests == [(0, 2, (control,))]


@pytest.mark.parametrize(
    ("device", "mode", "persistent", "flags", "code"),
    [
        (BootDevice.PXE, BootMode.BIOS, False, 0x80, 0x04),
        (BootDevice.PXE, BootMode.UEFI, False, 0xA0, 0x04),
        (BootDevice.DISK, BootMode.UEFI, True, 0xE0, 0x08),
        (BootDevice.CDROM, BootMode.BIOS, True, 0xC0, 0x14),
        (BootDevice.BIOS, BootMode.BIOS, False, 0x80, 0x18),
        (BootDevice.SAFE, BootMode.BIOS, False, 0x80, 0x0C),
    ],
)
def test_boot_flags_are_encoded_as_table_28_14_says_and_read_back(
    device: BootDevice, mode: BootMode, persistent: bool, flags: int, code: int
) -> None:
    request = encode_boot_flags(device, mode=mode, persistent=persistent)
    assert request == (5, flags, code, 0, 0, 0)
    assert decode_boot_flags(bytes((1, *request))) == BootOverride(
        device=device, is_persistent=persistent
    )


@pytest.mark.parametrize("answer", [b"", b"\x01\x85\x80\x04", b"\x01\x05\x00\x04\x00\x00\x00"])
def test_flags_that_are_invalid_cleared_or_missing_are_no_override(answer: bytes) -> None:
    assert decode_boot_flags(answer) == BootOverride(device=None, is_persistent=None)


def test_the_boot_device_is_kept_beyond_60_seconds_before_it_is_set() -> None:
    transport = FakeTransport((0, b""), (0, b""))
    bmc(transport).set_boot_device(
        BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=1
    )
    assert transport.requests == [(0, 8, (3, 8)), (0, 8, (5, 0xA0, 4, 0, 0, 0))]


def test_a_bmc_without_that_parameter_still_gets_its_boot_device() -> None:
    transport = FakeTransport((0x80, b""), (0, b""))
    bmc(transport).set_boot_device(
        BootDevice.PXE, mode=BootMode.BIOS, persistent=False, timeout_s=1
    )
    assert len(transport.requests) == 2


def test_the_60_seconds_are_left_alone_when_the_node_says_so() -> None:
    transport = FakeTransport((0, b""))
    bmc(transport, ipmi_disable_boot_timeout=False).set_boot_device(
        BootDevice.PXE, mode=BootMode.BIOS, persistent=False, timeout_s=1
    )
    assert transport.requests == [(0, 8, (5, 0x80, 4, 0, 0, 0))]


def test_a_refusal_says_what_was_asked_of_whom_and_why_not() -> None:
    with pytest.raises(BmcError, match=r"192.0.2.10 port 623: reset refused: .*state \(0xd5\)"):
        bmc(FakeTransport((0xD5, b""))).reset(timeout_s=1)


@pytest.mark.parametrize("method", ["power_on", "power_off"])
def test_only_a_state_that_is_there_already_refuses_as_such(method: str) -> None:
    with pytest.raises(AlreadySo, match=r"refused: .*state \(0xd5\)"):
        getattr(bmc(FakeTransport((0xD5, b""))), method)(timeout_s=1)
    for code in (0xD4, 0xC1, 0xFF):
        with pytest.raises(BmcError, match="refused") as refused:
            getattr(bmc(FakeTransport((code, b""))), method)(timeout_s=1)
        assert not isinstance(refused.value, AlreadySo)


def test_a_user_without_rights_is_told_where_to_get_them() -> None:
    with pytest.raises(BmcError, match="ipmi_priv_level"):
        bmc(FakeTransport((0xD4, b""))).power_on(timeout_s=1)


def test_a_busy_bmc_is_asked_again_while_time_is_left() -> None:
    transport = FakeTransport((0xC0, b""), (0, b"\x01"))
    assert bmc(transport).power_state(timeout_s=5) is PowerState.ON


def test_a_bmc_that_stays_busy_is_an_error() -> None:
    with pytest.raises(BmcError, match=r"BMC busy \(0xc0\); try again"):
        bmc(FakeTransport((0xC0, b""))).power_state(timeout_s=0.1)


def test_an_empty_answer_is_an_error_not_a_power_state() -> None:
    with pytest.raises(BmcError, match="empty answer"):
        bmc(FakeTransport((0, b""))).power_state(timeout_s=1)
