"""Deploy interfaces beside ``direct``: what is done to the machine, what it boots afterwards, what is refused before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from controller.errors import Invalid
from controller.workflow.machine import core_steps_of
from controller.workflow.verbs import validate
from tests.integration.running_controller import IMAGE, RunningController, running_controller

IN_MEMORY = {"kernel": "http://192.0.2.1/vmlinuz", "ramdisk": "http://192.0.2.1/initrd"}
ISO = {"boot_iso": "http://192.0.2.1/live.iso"}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    image_directory = tmp_path / "images"
    image_directory.mkdir()
    (image_directory / "live.iso").write_bytes(b"an image" * 100)
    files = {f"deploy_{kind}": f"http://192.0.2.1/{kind}" for kind in ("kernel", "ramdisk")}
    with running_controller(tmp_path, image_directory=str(image_directory), **files) as found:
        yield found


def enrol(controller: RunningController, deploy: str, state: str = "available", **info: Any) -> Any:
    boot = "ipxe" if deploy in {"ramdisk", "autodetect"} else "fake"
    interfaces = {"boot": boot, "deploy": deploy}
    return controller.enrol("m1", state, interfaces=interfaces, instance_info=info)


def boot_script(controller: RunningController, mac: str = "52:54:00:00:00:01") -> str:
    url = f"{controller.url}/boot/ipxe/script?mac={mac}&platform=pcbios"
    return requests.get(url, timeout=30).text


def steps_of(controller: RunningController) -> list[str]:
    messages = [event.message for event in controller.events("m1", "step")]
    return [text.split()[2] for text in messages if text.endswith(" begins")]


def test_a_system_in_memory_is_booted_from_the_network_at_every_start(
    controller: RunningController,
) -> None:
    info = IN_MEMORY | {
        "ramdisk_kernel_arguments": "quiet $x",
        "kernel_append_params": "a %default%",
    }
    bmc = enrol(controller, "ramdisk", **info)
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert steps_of(controller) == ["deploy"]
    assert bmc.calls[-1] in {"power_state", "power_on"}
    assert bmc.machine.is_on
    assert "set_boot_device pxe bios True" in bmc.calls
    assert node.driver_internal_info["boot_target"] == "instance_ramdisk"
    script = boot_script(controller)
    default = controller.settings.kernel_append_params
    assert (
        f"kernel {IN_MEMORY['kernel']} root=/dev/ram0 text a {default} quiet $x initrd=ramdisk"
        in script
    )
    assert f"initrd --name ramdisk {IN_MEMORY['ramdisk']} || goto retry" in script
    controller.ask("m1", "rebuild")
    controller.wait_for("m1", "active")
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert "instance" not in boot_script(controller)


def test_an_iso_image_is_booted_as_a_disk_and_served_in_parts(
    controller: RunningController, tmp_path: Path
) -> None:
    enrol(controller, "ramdisk", boot_iso=f"file://{tmp_path}/images/live.iso")
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    (line,) = (one for one in boot_script(controller).splitlines() if one.startswith("sanboot"))
    url = line.split()[2]
    assert url.startswith(f"{controller.url}/boot/boot_iso/")
    part = requests.get(url, headers={"Range": "bytes=3-7"}, timeout=30)
    assert (part.status_code, part.content) == (206, b"image")
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert requests.get(url, timeout=30).status_code == 404


def test_a_service_and_a_rescue_lead_back_to_the_system_from_the_network(
    controller: RunningController,
) -> None:
    interfaces = {"boot": "ipxe", "deploy": "ramdisk"}
    bmc = controller.enrol("m1", "available", interfaces=interfaces, instance_info=IN_MEMORY)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    for verb, arguments in (
        ("service", {"service_steps": [{"interface": "deploy", "step": "tune"}]}),
        ("rescue", {"rescue_password": "geheim"}),
    ):
        bmc.machine.behaviour.steps = {
            "service": [{"step": "tune", "priority": 0, "interface": "deploy"}]
        }
        controller.ask("m1", verb, **arguments)
        controller.wait_for("m1", "active" if verb == "service" else "rescue")
    controller.ask("m1", "unrescue")
    node = controller.wait_for("m1", "active")
    assert node.driver_internal_info["boot_target"] == "instance_ramdisk"
    assert IN_MEMORY["kernel"] in boot_script(controller)


def test_cleaning_has_the_agent(controller: RunningController) -> None:
    bmc = enrol(controller, "ramdisk", "manageable")
    controller.ask("m1", "provide")
    controller.wait_for("m1", "available")
    assert "pxe" in bmc.machine.boots


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, "instance_info/kernel is missing"),
        ({"kernel": "http://192.0.2.1/k"}, "instance_info/ramdisk is missing"),
        (ISO | {"image_source": "http://192.0.2.1/i"}, "image_source and boot_iso"),
        ({"boot_iso": "/etc/passwd"}, "outside of the folders"),
        ({"boot_iso": "ftp://192.0.2.1/i"}, "instance_info/boot_iso is 'ftp"),
        (IN_MEMORY | {"traits": ["CUSTOM_A"]}, "the node has not CUSTOM_A"),
    ],
)
def test_what_cannot_be_booted_is_refused_before_the_machine_is_touched(
    controller: RunningController, info: dict[str, Any], words: str
) -> None:
    bmc = enrol(controller, "ramdisk", **info)
    with pytest.raises(Invalid, match=words):
        controller.ask("m1", "active")
    told = validate(controller.services, "m1")["deploy"]
    assert told["result"] is False
    assert not [call for call in bmc.calls if call != "power_state"]


def test_a_boot_interface_that_boots_no_instances_is_refused(controller: RunningController) -> None:
    interfaces = {"boot": "fake", "deploy": "ramdisk"}
    controller.enrol("m1", "available", interfaces=interfaces, instance_info=ISO)
    with pytest.raises(Invalid, match="the boot_interface fake cannot boot an instance"):
        controller.ask("m1", "active")
    assert "boot_interface fake" in validate(controller.services, "m1")["deploy"]["reason"]


def test_steps_of_an_agent_are_refused_where_none_runs(controller: RunningController) -> None:
    enrol(controller, "ramdisk", **IN_MEMORY)
    wish = {"interface": "deploy", "step": "write_image", "priority": 80, "args": {}}
    with pytest.raises(Invalid, match="offered by nobody"):
        controller.ask("m1", "active", deploy_steps=[wish])


def test_a_custom_agent_does_what_it_is_asked_and_no_boot_loader_is_made(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, "custom-agent")
    mine = {"step": "write_my_os", "interface": "deploy", "priority": 0, "argsinfo": None}
    bmc.machine.behaviour.steps = {"deploy": [mine]}
    wish = {"interface": "deploy", "step": "write_my_os", "priority": 80, "args": {}}
    controller.ask("m1", "active", deploy_steps=[wish])
    node = controller.wait_for("m1", "active")
    assert steps_of(controller) == [
        *("deploy", "write_my_os", "prepare_instance_boot", "tear_down_agent", "boot_instance"),
    ]
    assert bmc.machine.boots == ["pxe", "off", "disk"]
    assert node.driver_internal_info["boot_target"] == "disk"


def test_noop_does_nothing(controller: RunningController) -> None:
    bmc = enrol(controller, "noop", "manageable")
    for verb, state in (("provide", "available"), ("active", "active"), ("deleted", "available")):
        controller.ask("m1", verb)
        controller.wait_for("m1", state)
    assert bmc.machine.boots == []


@pytest.mark.parametrize(
    ("info", "steps"),
    [
        (IMAGE, "write_image"),
        (IN_MEMORY | {"ironic_ramdisk_deploy": True}, "deploy"),
        ({"image_source": "oci://192.0.2.1/os:1"}, "execute_bootc_install"),
        (IMAGE | {"image_source": "oci://192.0.2.1/os:1"}, "write_image"),
    ],
)
def test_autodetect_leaves_the_work_to_what_fits(
    controller: RunningController, info: dict[str, Any], steps: str
) -> None:
    enrol(controller, "autodetect", **info)
    node = controller.node("m1")
    assert steps in {step.step for step in core_steps_of(controller.services, node)}
    is_alone = steps == "deploy"
    assert (len(core_steps_of(controller.services, node)) == 1) == is_alone


def test_autodetect_deploys(controller: RunningController) -> None:
    enrol(controller, "autodetect", **IN_MEMORY, ironic_ramdisk_deploy=True)
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert node.driver_internal_info["boot_target"] == "instance_ramdisk"
    assert validate(controller.services, "m1")["deploy"]["result"] is True


def test_a_machine_with_a_system_in_memory_is_adopted(controller: RunningController) -> None:
    bmc = enrol(controller, "ramdisk", "manageable", **IN_MEMORY)
    controller.ask("m1", "adopt")
    node = controller.wait_for("m1", "active")
    assert node.driver_internal_info["boot_target"] == "instance_ramdisk"
    assert set(bmc.calls) == {"power_state"}
    assert IN_MEMORY["kernel"] in boot_script(controller)


def test_an_adoption_fails_where_nothing_says_what_the_machine_boots(
    controller: RunningController,
) -> None:
    enrol(controller, "ramdisk", "manageable")
    controller.ask("m1", "adopt")
    node = controller.wait_for("m1", "adopt failed")
    assert "instance_info/kernel is missing" in str(node.last_error)
