"""Machines that no DHCP server answers: the ramdisk comes on an image in a virtual drive of their BMC, with a static address inside.

The image carries the agent's token, and is out of the drive again before the agent gets its first order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.controller import Controller
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.described import network_data
from tests.lab.enrol import (
    SERIAL_CONSOLE,
    config_drive,
    enrol,
    make_available,
    publish_os_image,
    ramdisk_settings,
    redfish_login,
)
from tests.lab.hardware import BmcKind, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.live_guest import READY, make_live_guest, make_live_image
from tests.lab.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]
HOST = 30
BY_MEDIA = {"boot_interface": "redfish-virtual-media"}


@contextmanager
def site(logs: Path, **settings: str) -> Iterator[tuple[Lab, Controller]]:
    """Start a controller that gives no addresses."""
    loaders = {"grub_directory": str(fetch_loaders())}
    with Lab(workdir=logs) as lab:
        all_settings = {**ramdisk_settings(), **loaders, "dhcp": "off", **settings}
        yield lab, lab.controller(settings=all_settings)


def messages(api: ApiClient, name: str) -> str:
    return "\n".join(str(event["event"]) for event in api.history(name))


def in_drives(machine: Machine) -> str:
    """Return what QEMU has open for the drives of the BMC."""
    nodes = machine.qmp("query-named-block-nodes") if machine.is_on else []
    return str([node for node in nodes if "medium-" in str(node)])  # type: ignore[attr-defined]


def test_a_machine_is_cleaned_by_virtual_media_without_dhcp(logs: Path) -> None:
    with site(logs) as (lab, controller):
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1024,
            disks=(Disk(size_bytes=1 << 30),),
            bmc=BmcKind.REDFISH,
        )
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, **BY_MEDIA, network_data=network_data(machine, lab.network, HOST))
            make_available(api, "m1", clean=True)
            node = api.call("GET", "/v1/nodes/m1")
            assert node["last_error"] is None
            drives = api.call("GET", "/v1/nodes/m1/vmedia")
            assert "it has its token from its medium" in messages(api, "m1")
        assert "boot_medium" not in node["driver_internal_info"]
        assert lab.network.address(HOST) in machine.console.text
        assert "described network set up" in machine.console.text
        assert [drive["inserted"] for drive in drives] == [False, False]


@pytest.mark.long
@pytest.mark.parametrize("firmware", list(Firmware))
def test_a_machine_is_deployed_by_virtual_media_without_dhcp(
    logs: Path, firmware: Firmware
) -> None:
    with site(logs) as (lab, controller):
        machine = lab.machine(
            name="m1",
            firmware=firmware,
            memory_mib=1536,
            disks=(Disk(size_bytes=8 << 30),),
            bmc=BmcKind.REDFISH,
        )
        data = network_data(machine, lab.network, HOST)
        deploy(lab, controller, machine, network_data=data)


@pytest.mark.long
def test_secure_boot_is_no_obstacle(logs: Path) -> None:
    with site(logs, kernel_append_params=SERIAL_CONSOLE.replace("quiet ", "")) as (lab, controller):
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            secure_boot=True,
            memory_mib=1536,
            disks=(Disk(size_bytes=8 << 30),),
            bmc=BmcKind.REDFISH,
        )
        says = {"capabilities": "boot_mode:uefi,secure_boot:true"}
        data = network_data(machine, lab.network, HOST)
        deploy(lab, controller, machine, properties=says, network_data=data)
    assert machine.console.text.count("secureboot: Secure boot enabled") == 1  # the ramdisk's


@pytest.mark.long
def test_power_by_ipmi_and_media_by_redfish(logs: Path) -> None:
    with site(logs) as (lab, controller):
        machine = lab.machine(
            name="m1", memory_mib=1536, disks=(Disk(size_bytes=8 << 30),), bmc=BmcKind.BOTH
        )
        deploy(
            lab,
            controller,
            machine,
            driver="redfish",
            power_interface="ipmitool",
            driver_info=redfish_login(machine),
            network_data=network_data(machine, lab.network, HOST),
        )


@pytest.mark.long
def test_firmware_boots_the_image_by_http_from_the_address_that_the_bmc_was_told(
    logs: Path,
) -> None:
    """Addresses come from the controller's DHCP server, which names another loader; the firmware takes the BMC's word."""
    with site(logs, dhcp="range") as (lab, controller):
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1536,
            disks=(Disk(size_bytes=8 << 30),),
            bmc=BmcKind.REDFISH,
        )
        deploy(lab, controller, machine, boot_interface="redfish-https")
    assert "/boot/media/" in machine.console.text


def deploy(lab: Lab, controller: Controller, machine: Machine, **more: object) -> None:
    """Take a machine from enrolment to its own login prompt, and back."""
    image, key = publish_os_image(lab), make_key(lab.scratch)
    with lab.network.inside():
        api = ApiClient(controller.url)
        enrol(api, machine, **{**BY_MEDIA, **more})
        make_available(api, machine.name, clean=False)
        instance = {"capabilities": {"secure_boot": "true"}} if machine.hardware.secure_boot else {}
        api.set_image(machine.name, image.url, image.sha256, **instance)
        mark = machine.console.mark()
        api.provision(machine.name, "active", configdrive=config_drive("by-media", key))
        node = api.wait_for_state(machine.name, "active", timeout_s=900)
        assert node["last_error"] is None
        assert in_drives(machine) == "[]"
        wait_for_system(machine, hostname="by-media", key=key, since=mark, timeout_s=300)
        api.provision(machine.name, "deleted")
        api.wait_for_state(machine.name, "available", timeout_s=120)


@pytest.mark.long
@pytest.mark.parametrize("firmware", list(Firmware))
def test_a_live_image_is_booted_from_the_drive_at_every_start(
    logs: Path, firmware: Firmware
) -> None:
    with site(logs, image_directory=str(logs / "images")) as (lab, controller):
        folder = logs / "images"
        folder.mkdir(exist_ok=True)
        image = make_live_image(make_live_guest(folder), "lab.word=drive")
        machine = lab.machine(
            name="m1",
            firmware=firmware,
            memory_mib=768,
            disks=(Disk(size_bytes=64 << 20),),
            bmc=BmcKind.REDFISH,
        )
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, **BY_MEDIA, deploy_interface="ramdisk")
            make_available(api, "m1", clean=False)
            api.set_instance("m1", boot_iso=f"file://{image}")
            mark = machine.console.mark()
            api.provision("m1", "active")
            api.wait_for_state("m1", "active", timeout_s=120)
            assert (
                "lab.word=drive" in machine.console.wait_for(READY, timeout_s=240, since=mark).text
            )
            mark = machine.console.mark()
            machine.console.type("r\n")
            assert (
                "lab.word=drive" in machine.console.wait_for(READY, timeout_s=240, since=mark).text
            )
            api.provision("m1", "deleted")
            api.wait_for_state("m1", "available", timeout_s=120)
            drives = api.call("GET", "/v1/nodes/m1/vmedia")
        assert not any(drive["inserted"] for drive in drives)
