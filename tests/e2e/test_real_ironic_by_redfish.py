"""Real Ironic with its own hardware type ``redfish`` drives the lab's Redfish BMC: whoever passes here is as honest as Ironic is strict.

Its client is sushy, as ours; but what it asks, in which order, and what it makes of the answers is its own.
"""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.described import network_data
from tests.lab.enrol import BUILD, OS_IMAGE, SERIAL_CONSOLE, config_drive, document_of
from tests.lab.hardware import BmcKind, BootDevice, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import EventKind, Machine
from tests.lab.media_loader import GRUB_CONFIG, make_media_loader
from tests.lab.real_ironic import PEER, RealIronic

pytestmark = [
    pytest.mark.vm,
    pytest.mark.long,
    pytest.mark.interop,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]
POWER_S = 120
HOST = 30
BOOT_DEVICES = {"pxe": BootDevice.PXE, "disk": BootDevice.DISK, "cdrom": BootDevice.CDROM}


def start_ironic(lab: Lab) -> RealIronic:
    """Start Ironic with our ramdisk and a boot loader for the media that it makes."""
    loader = make_media_loader(lab.scratch)
    settings = f"""
[DEFAULT]
grub_config_path = {GRUB_CONFIG}
[conductor]
bootloader = file://{loader}
file_url_allowed_paths = {BUILD / "ramdisk"},{loader.parent}
[redfish]
kernel_append_params = {SERIAL_CONSOLE}
"""
    return RealIronic(
        lab,
        kernel=BUILD / "ramdisk/ingot.vmlinuz",
        ramdisk=BUILD / "ramdisk/ingot.initramfs",
        settings=settings,
    )


def redfish_machine(lab: Lab) -> Machine:
    return lab.machine(
        name="m1",
        firmware=Firmware.UEFI,
        memory_mib=2048,
        disks=(Disk(size_bytes=8 << 30),),
        bmc=BmcKind.REDFISH,
    )


def manage(api: ApiClient, machine: Machine, **more: object) -> None:
    """Create the node and have Ironic look at its power."""
    macs = tuple(nic.mac for nic in machine.nics)
    api.create_node(document_of(machine, **more), macs=macs)
    api.provision(machine.name, "manage")
    api.wait_for_state(machine.name, "manageable", timeout_s=POWER_S)


def switch(api: ApiClient, name: str, target: str, state: str) -> None:
    """Order a power action and wait until Ironic says that it is done."""
    api.call("PUT", f"/v1/nodes/{name}/states/power", {"target": target}, ok=202)
    node = api.wait_until(name, lambda node: node["target_power_state"] is None, timeout_s=POWER_S)
    assert (node["power_state"], node["last_error"]) == (state, None)


def test_power_and_boot_devices(tmp_path: Path) -> None:
    fetch_loaders()
    with Lab(workdir=tmp_path) as lab:
        ironic, machine = start_ironic(lab), redfish_machine(lab)
        with lab.network.inside():
            api = ApiClient(ironic.url)
            manage(api, machine, boot_interface="redfish-virtual-media")
            node = api.node("m1")
            assert [node[f"{kind}_interface"] for kind in ("power", "management")] == [
                "redfish"
            ] * 2
            supported = api.call("GET", "/v1/nodes/m1/management/boot_device/supported")
            assert BOOT_DEVICES.keys() <= set(supported["supported_boot_devices"])
            for name, device in BOOT_DEVICES.items():
                wanted = {"boot_device": name, "persistent": False}
                api.call("PUT", "/v1/nodes/m1/management/boot_device", wanted, ok=204)
                assert machine.boot_override is not None
                assert machine.boot_override.device is device
                told = api.call("GET", "/v1/nodes/m1/management/boot_device")
                assert told == wanted
            switch(api, "m1", "power on", "power on")
            assert machine.is_on
            switch(api, "m1", "rebooting", "power on")
            api.call("PUT", "/v1/nodes/m1/management/inject_nmi", {}, ok=204)
            switch(api, "m1", "power off", "power off")
            assert not machine.is_on
        kinds = [event.kind for event in machine.events]
        assert kinds.count(EventKind.BOOT_DEVICE_SET) >= len(BOOT_DEVICES)


@pytest.mark.parametrize(
    ("way", "is_described"),
    [("ipxe", False), ("redfish-virtual-media", False), ("redfish-virtual-media", True)],
    ids=["ipxe", "media", "media with a static address"],
)
def test_a_machine_is_deployed_to_its_login_prompt(
    tmp_path: Path, way: str, is_described: bool
) -> None:
    fetch_loaders()
    with Lab(workdir=tmp_path) as lab:
        key = make_key(lab.scratch)
        ironic, machine = start_ironic(lab), redfish_machine(lab)
        url = lab.http.publish(OS_IMAGE.name, OS_IMAGE)
        with lab.network.inside():
            api = ApiClient(ironic.url)
            described = network_data(machine, lab.network, HOST) if is_described else {}
            manage(api, machine, boot_interface=way, automated_clean=False, network_data=described)
            api.provision("m1", "provide")
            api.wait_for_state("m1", "available", timeout_s=POWER_S)
            sha256 = OS_IMAGE.with_suffix(".qcow2.sha256").read_text().split()[0]
            api.set_image("m1", url, sha256)
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("by-redfish", key))
            api.wait_for_state("m1", "active", timeout_s=1200)
            wait_for_system(machine, hostname="by-redfish", key=key, since=mark, timeout_s=300)
            assert "medium-" not in str(machine.qmp("query-named-block-nodes"))
            assert ("described network set up" in machine.console.text) is is_described
            api.provision("m1", "deleted")
            api.wait_for_state("m1", "available", timeout_s=POWER_S)
            assert not machine.is_on
