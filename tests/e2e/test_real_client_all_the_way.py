"""The real ``baremetal`` command line enrols and deploys a machine with our controller, from nothing to the login prompt."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import BUILD, config_drive, publish_os_image, ramdisk_settings
from tests.lab.hardware import Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine

CLIENT = BUILD / "peers/client/bin/baremetal"

pytestmark = [
    pytest.mark.vm,
    pytest.mark.interop,
    pytest.mark.skipif(not CLIENT.exists(), reason="make peers installs the real client"),
]


def bmc_words(machine: Machine) -> list[str]:
    """Return the options that tell the client of the machine's BMC."""
    driver_info = {
        "ipmi_address": machine.bmc.address,
        "ipmi_port": machine.bmc.port,
        "ipmi_username": machine.bmc.username,
        "ipmi_password": machine.bmc.password,
    }
    return [
        word for name, value in driver_info.items() for word in ("--driver-info", f"{name}={value}")
    ]


def test_the_real_client_enrols_and_deploys(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(name="m1", memory_mib=1024, disks=(Disk(size_bytes=8 << 30),))
        image, key = publish_os_image(lab), make_key(lab.scratch)
        drive = lab.scratch / "configdrive.json"
        drive.write_text(json.dumps(config_drive("by-the-client", key)))

        def baremetal(*words: str, timeout_s: float = 900) -> str:
            where = ("--os-auth-type", "none", "--os-endpoint", controller.url)
            return lab.network.run(str(CLIENT), *where, *words, timeout_s=timeout_s)

        def node() -> dict[str, Any]:
            shown: dict[str, Any] = json.loads(baremetal("node", "show", "m1", "-f", "json"))
            return shown

        baremetal(
            "node", "create", "--name", "m1", "--driver", "ipmi", *bmc_words(machine),
            "--property", "capabilities=boot_mode:bios",
        )  # fmt: skip
        assert node()["provision_state"] == "enroll"
        assert node()["driver_info"]["ipmi_password"] == "******"
        baremetal("port", "create", machine.nics[0].mac, "--node", node()["uuid"])
        baremetal("node", "manage", "m1", "--wait", "120")
        baremetal("node", "provide", "m1", "--wait", "900")
        baremetal(
            "node", "set", "m1",
            "--instance-info", f"image_source={image.url}",
            "--instance-info", "image_os_hash_algo=sha256",
            "--instance-info", f"image_os_hash_value={image.sha256}",
        )  # fmt: skip
        validated = json.loads(baremetal("node", "validate", "m1", "-f", "json"))
        wanted = {"power", "management", "boot", "deploy"}
        results = {row["Interface"]: row["Result"] for row in validated}
        assert {kind: results[kind] for kind in wanted} == dict.fromkeys(wanted, True), validated
        baremetal("node", "deploy", "m1", "--config-drive", str(drive), "--wait", "900")
        assert node()["provision_state"] == "active"
        wait_for_system(machine, hostname="by-the-client", key=key, since=0, timeout_s=300)
        baremetal("node", "power", "off", "m1", "--power-timeout", "60")
        baremetal("node", "undeploy", "m1", "--wait", "900")
        assert node()["provision_state"] == "available"
        assert node()["instance_info"] == {}
