"""The real ironic-python-agent boots from virtual media: on an image that our controller makes, and on a ready one.

Its ramdisk, as built here, has no program that sets up described networks, so it asks by DHCP; it is not booted by that.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_virtual_media import BY_MEDIA, messages, site
from tests.lab.api_client import ApiClient
from tests.lab.boot_loaders import LOADERS
from tests.lab.enrol import BUILD, SERIAL_CONSOLE, enrol, make_available, ramdisk_settings
from tests.lab.hardware import BmcKind, Disk, Firmware

pytestmark = [
    pytest.mark.vm,
    pytest.mark.long,
    pytest.mark.interop,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (BUILD / "ramdisk/ipa.initramfs").exists(),
        reason="make ramdisk-ipa builds the real agent's ramdisk",
    ),
]
_MAKE_ISO = Path(__file__).parents[2] / "image-build/make-iso"


def ready_iso(folder: Path) -> Path:
    """Return an image of the real agent as ``image-build/make-iso`` makes it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for kind in ("vmlinuz", "initramfs"):
        os.link(BUILD / f"ramdisk/ipa.{kind}", folder / f"ipa.{kind}")
    subprocess.run(
        (_MAKE_ISO, folder / "ipa", f"boot_method=vmedia {SERIAL_CONSOLE}"),
        env=os.environ | {"INGOT_LOADERS": str(LOADERS)},
        check=True,
        timeout=300,
    )
    return folder / "ipa.iso"


@pytest.mark.parametrize("image", ["made", "ready"])
def test_the_real_agent_cleans_a_machine_that_boots_from_virtual_media(
    logs: Path, image: str
) -> None:
    with site(logs, **ramdisk_settings("ipa"), image_directory=str(logs), dhcp="range") as (
        lab,
        controller,
    ):
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=2048,
            disks=(Disk(size_bytes=1 << 30),),
            bmc=BmcKind.REDFISH,
        )
        info = {"deploy_iso": str(ready_iso(logs / "iso"))} if image == "ready" else {}
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, **BY_MEDIA, driver_info=info)
            make_available(api, "m1", clean=True, timeout_s=900)
            told = messages(api, "m1")
            drives = api.call("GET", "/v1/nodes/m1/vmedia")
        assert "it has its token from its medium" in told
        assert not any(drive["inserted"] for drive in drives)
