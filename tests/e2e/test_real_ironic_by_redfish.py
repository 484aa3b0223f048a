"""Real Ironic with its own hardware type ``redfish`` drives the lab's Redfish BMC: whoever passes here is as honest as Ironic is strict.

Its client is sushy, as ours; but what it asks, in which order, and what it makes of the answers is its own. Where it differs from us:

- It switches Secure Boot on behind the ramdisk, before the deployed system's first start, and off again when the instance is deleted;
  its iPXE is not signed, so a machine that has it on already comes by media, with Debian's signed loaders on them.
- ``http-ipxe`` has the BMC boot by UEFI HTTP and name no address: the loader's is DHCP's. ``redfish-https`` makes the medium of virtual
  media and gives the BMC its address, but knows no static network: the firmware gets its own from DHCP.
"""

from dataclasses import dataclass
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
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind
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
FIRST_BOOT = {
    "ipxe": BootDevice.PXE,
    "http-ipxe": BootDevice.HTTP,
    "redfish-https": BootDevice.HTTP,
    "redfish-virtual-media": BootDevice.CDROM,
}
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


def redfish_machine(lab: Lab, *, secure_boot: bool = False) -> Machine:
    return lab.machine(
        name="m1",
        firmware=Firmware.UEFI,
        secure_boot=secure_boot,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How Ironic boots a machine, and what is asked of its firmware."""

    by: str
    """The boot interface."""
    is_described: bool = False
    """The machine has a static address; DHCP is not asked."""
    is_secure: bool = False
    """The instance wants Secure Boot."""
    is_secure_before: bool = False
    """The machine has Secure Boot on when it arrives."""


WAYS = {
    "ipxe": Way(by="ipxe"),
    "UEFI HTTP": Way(by="http-ipxe"),
    "UEFI HTTP from an address": Way(by="redfish-https"),
    "media": Way(by="redfish-virtual-media"),
    "media with a static address": Way(by="redfish-virtual-media", is_described=True),
    "Secure Boot switched on": Way(by="ipxe", is_secure=True),
    "Secure Boot on before": Way(
        by="redfish-virtual-media", is_described=True, is_secure=True, is_secure_before=True
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_machine_is_deployed_to_its_login_prompt(tmp_path: Path, way: Way) -> None:
    fetch_loaders()
    with Lab(workdir=tmp_path) as lab:
        key = make_key(lab.scratch)
        ironic = start_ironic(lab)
        machine = redfish_machine(lab, secure_boot=way.is_secure_before)
        url = lab.http.publish(OS_IMAGE.name, OS_IMAGE)
        with lab.network.inside():
            api = ApiClient(ironic.url)
            described = network_data(machine, lab.network, HOST) if way.is_described else {}
            manage(
                api, machine, boot_interface=way.by, automated_clean=False, network_data=described
            )
            api.provision("m1", "provide")
            api.wait_for_state("m1", "available", timeout_s=POWER_S)
            sha256 = OS_IMAGE.with_suffix(".qcow2.sha256").read_text().split()[0]
            wishes = {"capabilities": {"secure_boot": "true"}} if way.is_secure else {}
            api.set_image("m1", url, sha256, **wishes)
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("by-redfish", key))
            api.wait_for_state("m1", "active", timeout_s=1200)
            wait_for_system(machine, hostname="by-redfish", key=key, since=mark, timeout_s=300)
            assert "medium-" not in str(machine.qmp("query-named-block-nodes"))
            assert ("described network set up" in machine.console.text) is way.is_described
            is_fetched = way.by == "redfish-https"
            assert ("booted from an address" in machine.console.text) is is_fetched
            assert machine.facts().secure_boot.running is way.is_secure
            assert (api.node("m1")["secure_boot"] is True) is way.is_secure
            api.provision("m1", "deleted")
            api.wait_for_state("m1", "available", timeout_s=POWER_S)
            assert not machine.is_on
            assert not machine.facts().secure_boot.enabled
        booted = [event.detail for event in machine.events if event.kind is EventKind.BOOT]
        assert booted[0] == FIRST_BOOT[way.by]
