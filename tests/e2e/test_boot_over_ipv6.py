"""A whole deployment in a network where machines have IPv6 addresses only: the controller's own DHCPv6, loader, ramdisk, image."""

import shutil
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.demo.road import read_checksum
from tests.lab.enrol import OS_IMAGE, config_drive, enrol, make_available, ramdisk_settings
from tests.lab.hardware import WITHOUT_IPV4_PXE, WITHOUT_PXE, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.mark.parametrize("way", ["pxe", "http"])
def test_a_machine_with_ipv6_alone_is_deployed_and_shows_its_own_login_prompt(
    logs: Path, way: str
) -> None:
    with Lab(workdir=logs) as lab:
        lab.network.stop_router()
        prefix = f"fd00:{lab.network.number:x}::"
        own = f"{prefix}1"
        lab.network.run("ip", "address", "add", f"{own}/64", "dev", lab.network.bridge, "nodad")
        images = lab.scratch / "images"
        images.mkdir()
        shutil.copyfile(OS_IMAGE, images / OS_IMAGE.name)
        controller = lab.controller(
            settings={
                **ramdisk_settings(),
                "listen_host": "::",
                "public_url": f"http://[{own}]:6385",
                "dhcp_range": "",
                "dhcp_router": "",
                "dhcp6_range": f"{prefix}100,{prefix}1ff",
                "image_directory": str(images),
            }
        )
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1536,
            disks=(Disk(size_bytes=8 << 30),),
            extra_arguments=WITHOUT_PXE if way == "http" else WITHOUT_IPV4_PXE,
        )
        key = make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine)
            make_available(api, machine.name, clean=False)
            sha256 = read_checksum(OS_IMAGE.with_suffix(".qcow2.sha256"))
            api.set_image("m1", f"http://[{own}]:6385/images/{OS_IMAGE.name}", sha256)
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("six", key))
            node = api.wait_for_state("m1", "active", timeout_s=1500)
            assert node["last_error"] is None
            wait_for_system(machine, hostname="six", key=key, since=mark, timeout_s=300)
            # only whom DHCP knows as the node's machine is told its name
            assert f"Ingot: node m1 ({node['uuid']})" in machine.console.text
            given = [event["event"] for event in api.history("m1")]
            assert any(f"DHCP gave {prefix}" in text for text in given), given
