"""BIOS settings and firmware changed by Redfish as clean or service steps of a machine, between steps of its agent, through a BMC that restarts."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.enrol import enrol, ramdisk_settings
from tests.lab.hardware import BmcKind
from tests.lab.lab import Lab
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1500)]
SILENT_S = 60.0
SETTINGS = [{"name": "NumLock", "value": "Off"}, {"name": "BootRetrySeconds", "value": "45"}]
AGENTS = {
    "clean": {"interface": "deploy", "step": "erase_devices_metadata"},
    "service": {"interface": "raid", "step": "delete_configuration"},
}
"""Steps of the agent that find nothing to do on an empty disk."""


@pytest.mark.parametrize(("verb", "state"), [("clean", "manageable"), ("service", "active")])
def test_settings_and_firmware_are_changed_between_steps_of_the_agent(
    logs: Path, verb: str, state: str
) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(name="m1", bmc=BmcKind.REDFISH)
        updates = [
            {"component": component, "url": lab.http.publish(f"{name}.bin", image)}
            for component, name, image in (
                ("bmc", "BMC", firmware_image("BMC", "2.5.0")),
                ("bios", "BIOS", firmware_image("BIOS", "1.2.0")),
            )
        ]
        machine.redfish.set_faults(
            RedfishFaults(silent_after_update_s=SILENT_S, stages_updates=True, task_s=5)
        )
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, **({"raid_interface": "agent"} if verb == "service" else {}))
            api.provision("m1", "manage")
            api.wait_for_state("m1", "manageable", timeout_s=60)
            if verb == "service":
                api.set_image("m1", "http://192.0.2.1/adopted.raw", "0" * 64)
                api.provision("m1", "adopt")
                api.wait_for_state("m1", "active", timeout_s=60)
            agents = AGENTS[verb]
            steps = [
                agents,
                {
                    "interface": "bios",
                    "step": "apply_configuration",
                    "args": {"settings": SETTINGS},
                },
                {"interface": "firmware", "step": "update", "args": {"settings": updates}},
                agents,
            ]
            api.provision("m1", verb, **{f"{verb}_steps": steps})
            api.wait_for_state("m1", state, timeout_s=1200)
            bios = {
                one["name"]: one["value"] for one in api.call("GET", "/v1/nodes/m1/bios")["bios"]
            }
            listed = api.call("GET", "/v1/nodes/m1/firmware")["firmware"]
            said = [one["event"] for one in api.history("m1")]
        versions = {one["component"]: one["current_version"] for one in listed}
        assert (bios["NumLock"], bios["BootRetrySeconds"]) == ("Off", "45")
        assert (versions["bios"], versions["bmc"]) == ("1.2.0", "2.5.0")
        assert f"{verb} step update: bmc: 2.0.0 -> 2.5.0; bios: 1.0.0 -> 1.2.0" in said
        assert sum("fetched its ramdisk" in one for one in said) == 3
        assert sum(f"step {agents['step']} ended" in one for one in said) == 2
