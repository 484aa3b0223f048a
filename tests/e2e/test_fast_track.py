"""Fast track on real firmware: one boot of the ramdisk cleans and deploys; ``seconds.json`` has the times from the request on."""

import json
import time
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import config_drive, make_deployable, publish_os_image, ramdisk_settings
from tests.lab.hardware import Disk
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long]


def test_a_cleaned_machine_is_deployed_without_another_boot_of_the_ramdisk(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings={**ramdisk_settings(), "fast_track": True})
        machine = lab.machine(name="m1", memory_mib=1024, disks=(Disk(size_bytes=8 << 30),))
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            make_deployable(api, machine, image, clean=True)
            assert machine.is_on
            mark, began = machine.console.mark(), time.monotonic()
            api.provision("m1", "active", configdrive=config_drive("fast", key))
            api.wait_for_state("m1", "active", timeout_s=900)
            active_s = time.monotonic() - began
            wait_for_system(machine, hostname="fast", key=key, since=mark, timeout_s=300)
            seconds = {"active": active_s, "login": time.monotonic() - began}
            fetched = [one for one in api.history("m1") if "fetched its ramdisk" in one["event"]]
        (logs / "seconds.json").write_text(json.dumps(seconds))
        assert len(fetched) == 1
