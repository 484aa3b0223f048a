"""The lab's machines behave as servers do: power, boot order, firmware, console."""

import os
import signal

import pytest

from tests.lab.errors import LabError
from tests.lab.hardware import BootDevice, Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind
from tests.lab.program import Program
from tests.lab.tiny_guest import READY, boot_sector

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
_FIRMWARE_S = 30
_IPXE_STARTS = "iPXE initialising devices"


def with_tiny_guest(lab: Lab) -> Machine:
    """Return a machine with a bootable disk."""
    image = lab.scratch / "tiny.raw"
    image.write_bytes(boot_sector())
    return lab.machine(memory_mib=256, disks=(Disk(size_bytes=1 << 20, image=image),))


def serve_dhcp(lab: Lab) -> Program:
    network = lab.network
    program = network.start(
        "dnsmasq",
        (
            *("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--port=0"),
            *("--conf-file=/dev/null", f"--interface={network.bridge}", "--bind-interfaces"),
            *("--no-ping", "--dhcp-option=encap:175,176,1b", "--dhcp-boot=loader.of.nobody"),
            f"--dhcp-range={network.address(50)},{network.address(99)},255.255.255.0,1h",
            *(
                f"--dhcp-leasefile={lab.scratch}/leases",
                "--enable-tftp",
                "--tftp-root=/usr/lib/ipxe",
            ),
        ),
        log=lab.logs / "dnsmasq.log",
    )
    program.wait_for_log("DHCP, IP range", timeout_s=10)
    return program


def kinds(machine: Machine) -> list[EventKind]:
    return [event.kind for event in machine.events]


def test_a_bios_machine_boots_from_the_network_and_its_firmware_says_so_on_the_serial_line(
    lab: Lab,
) -> None:
    dnsmasq = serve_dhcp(lab)
    machine = lab.machine(memory_mib=256)
    machine.set_boot_device(BootDevice.PXE)
    machine.power_on()
    machine.console.wait_for("SeaBIOS", timeout_s=_FIRMWARE_S)
    machine.console.wait_for(rf"net0: {lab.network.address(0)[:-1]}\d+/", timeout_s=_FIRMWARE_S)
    machine.console.wait_for("loader.of.nobody.*No such file", timeout_s=_FIRMWARE_S)
    assert f"DHCPACK({lab.network.bridge})" in dnsmasq.log.read_text()
    assert machine.nics[0].mac in dnsmasq.log.read_text()


def test_a_uefi_machine_boots_from_the_network_with_its_own_firmware(lab: Lab) -> None:
    dnsmasq = serve_dhcp(lab)
    machine = lab.machine(firmware=Firmware.UEFI, memory_mib=512)
    machine.set_boot_device(BootDevice.PXE)
    machine.power_on()
    machine.console.wait_for("Start PXE over IPv4", timeout_s=_FIRMWARE_S)
    machine.console.wait_for("NBP filename is loader.of.nobody", timeout_s=_FIRMWARE_S)
    assert "PXEClient:Arch:00007" in dnsmasq.log.read_text()


def test_a_uefi_machine_told_to_boot_its_disk_does_not_touch_the_network(lab: Lab) -> None:
    dnsmasq = serve_dhcp(lab)
    machine = lab.machine(firmware=Firmware.UEFI, memory_mib=512)
    machine.set_boot_device(BootDevice.DISK)
    machine.power_on()
    machine.console.wait_for("BdsDxe: .*(Shell|No bootable)", timeout_s=_FIRMWARE_S)
    assert "DHCPDISCOVER" not in dnsmasq.log.read_text()


def test_uefi_keeps_its_boot_entries_in_an_nvram_of_its_own_when_the_power_goes(lab: Lab) -> None:
    entry = "UEFI PXEv4".encode("utf-16-le")
    machine = lab.machine(firmware=Firmware.UEFI, memory_mib=512)
    other = lab.machine(firmware=Firmware.UEFI, memory_mib=512)
    nvram = machine.hardware.uefi_variables
    others = other.hardware.uefi_variables
    assert nvram is not None
    assert others is not None
    machine.power_on()
    machine.console.wait_for("BdsDxe|PXE", timeout_s=_FIRMWARE_S)
    machine.power_off()
    assert entry in nvram.read_bytes()
    assert entry not in others.read_bytes()
    mark = machine.console.mark()
    machine.power_on()
    machine.console.wait_for("BdsDxe|PXE", timeout_s=_FIRMWARE_S, since=mark)
    assert nvram.read_bytes().count(entry) == 1


def test_an_empty_disk_does_not_boot_and_the_firmware_says_so(lab: Lab) -> None:
    machine = lab.machine(memory_mib=256)
    machine.set_boot_device(BootDevice.DISK, persistent=True)
    machine.power_on()
    machine.console.wait_for("No bootable device", timeout_s=_FIRMWARE_S)
    assert _IPXE_STARTS not in machine.console.text
    assert machine.is_on


def test_without_boot_flags_bios_tries_the_disk_and_then_the_network(lab: Lab) -> None:
    machine = lab.machine(memory_mib=256)
    machine.power_on()
    machine.console.wait_for("not a bootable disk", timeout_s=_FIRMWARE_S)
    machine.console.wait_for(_IPXE_STARTS, timeout_s=_FIRMWARE_S)


def test_a_guest_that_shuts_down_leaves_the_machine_off(lab: Lab) -> None:
    machine = with_tiny_guest(lab)
    machine.power_on()
    machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)
    machine.console.type("s")
    machine.wait_for_event(EventKind.GUEST_SHUTDOWN, timeout_s=_FIRMWARE_S)
    assert not machine.is_on


def test_the_power_button_reaches_the_guest(lab: Lab) -> None:
    machine = with_tiny_guest(lab)
    machine.power_on()
    machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)
    machine.soft_off()
    machine.wait_for_event(EventKind.GUEST_SHUTDOWN, timeout_s=_FIRMWARE_S)
    assert not machine.is_on


def test_a_boot_flag_for_one_boot_is_gone_at_the_guests_reboot(lab: Lab) -> None:
    machine = with_tiny_guest(lab)
    machine.set_boot_device(BootDevice.DISK, persistent=False)
    machine.power_on()
    machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)
    machine.set_boot_device(BootDevice.PXE, persistent=False)
    mark = machine.console.mark()
    machine.console.type("r")
    machine.console.wait_for(_IPXE_STARTS, timeout_s=_FIRMWARE_S, since=mark)
    mark = machine.console.mark()
    machine.reset()
    machine.console.wait_for(READY, timeout_s=_FIRMWARE_S, since=mark)
    boots = [event.detail for event in machine.events if event.kind is EventKind.BOOT]
    assert boots == ["disk", "pxe", "default"]
    assert EventKind.GUEST_REBOOT in kinds(machine)


def test_a_persistent_boot_flag_holds_over_guest_reboots_and_power_cycles(lab: Lab) -> None:
    machine = with_tiny_guest(lab)
    machine.set_boot_device(BootDevice.DISK, persistent=True)
    machine.power_on()
    line = machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)
    for _ in range(2):
        machine.console.type("r")
        line = machine.console.wait_for(READY, timeout_s=_FIRMWARE_S, since=line.number + 1)
    machine.power_off()
    machine.power_on()
    boots = [event.detail for event in machine.events if event.kind is EventKind.BOOT]
    assert boots == ["disk"] * 4
    assert machine.is_on


def test_a_qemu_that_dies_is_told_as_such_and_leaves_the_machine_off(lab: Lab) -> None:
    machine = lab.machine(memory_mib=256)
    machine.power_on()
    machine.console.wait_for("SeaBIOS", timeout_s=_FIRMWARE_S)
    os.kill(machine.qemu_pid, signal.SIGKILL)
    event = machine.wait_for_event(EventKind.EXIT, timeout_s=10)
    assert "status -9" in event.detail
    assert not machine.is_on


@pytest.mark.parametrize(
    ("bus", "block_bytes"),
    [
        (Bus.VIRTIO, 512),
        (Bus.VIRTIO, 4096),
        (Bus.SATA, 512),
        (Bus.SCSI, 512),
        (Bus.SCSI, 4096),
        (Bus.NVME, 512),
        (Bus.NVME, 4096),
    ],
)
def test_every_kind_of_disk_can_be_had(lab: Lab, bus: Bus, block_bytes: int) -> None:
    disk = Disk(size_bytes=1 << 30, bus=bus, logical_block_bytes=block_bytes, serial="ABC123")
    machine = lab.machine(memory_mib=256, disks=(disk, disk))
    machine.power_on()
    machine.console.wait_for("SeaBIOS", timeout_s=_FIRMWARE_S)
    assert machine.is_on
    assert [installed.path.stat().st_size for installed in machine.disks] == [1 << 30, 1 << 30]
    assert machine.disks[0].path.stat().st_blocks * 512 < 1 << 20


def test_a_disk_that_qemu_cannot_make_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"SATA disk .* 512"):
        lab.machine(disks=(Disk(bus=Bus.SATA, logical_block_bytes=4096),))


def test_the_console_has_the_time_of_every_line_and_a_raw_file(lab: Lab) -> None:
    machine = with_tiny_guest(lab)
    machine.power_on()
    line = machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)
    started = machine.wait_for_event(EventKind.BOOT, timeout_s=1)
    assert started.time_s < line.time_s < started.time_s + _FIRMWARE_S
    times = [shown.time_s for shown in machine.console.lines]
    assert times == sorted(times)
    assert READY.encode() in machine.console.raw.read_bytes()


def test_waiting_for_what_is_never_printed_ends_with_the_last_lines(lab: Lab) -> None:
    machine = with_tiny_guest(lab)
    machine.power_on()
    machine.console.wait_for(READY, timeout_s=_FIRMWARE_S)
    with pytest.raises(LabError, match=READY):
        machine.console.wait_for("never", timeout_s=0.2)
