import base64
import gzip
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.config_drive import pack
from controller.errors import Invalid
from controller.workflow.questions import validate
from tests.integration.running_controller import (
    IMAGE,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until


def test_a_node_goes_from_enroll_to_active(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "enroll", instance_info=IMAGE)

    controller.ask("m1", "manage")
    assert controller.wait_for("m1", "manageable").power_state == "power off"

    controller.ask("m1", "provide")
    node = controller.wait_for("m1", "available")
    assert node.power_state == "power off"
    assert [name for name, _params in bmc.machine.orders] == [
        "get_clean_steps",
        "erase_devices_metadata",
    ]

    bmc.machine.orders.clear()
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert [name for name, _params in bmc.machine.orders] == [
        "get_deploy_steps",
        "write_image",
        "get_partition_uuids",
        "sync",
        "power_off",
    ]
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off", "disk"]
    assert (node.power_state, node.last_error, node.progress) == ("power on", None, None)
    assert (node.deploy_step, node.work, node.agent_secret) == ({}, None, None)
    assert node.driver_internal_info["boot_target"] == "disk"


def test_the_agent_gets_what_the_real_conductor_sends(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info={**IMAGE, "secret_password": "hunter2"})
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("write_image")
    assert params["step"]["interface"] == "deploy"
    assert params["step"]["args"] == {
        "image_info": {
            "id": "user.qcow2",
            "urls": [IMAGE["image_source"]],
            "disk_format": None,
            "container_format": None,
            "stream_raw_images": True,
            "checksum": IMAGE["image_checksum"],
            "os_hash_algo": "sha256",
            "os_hash_value": IMAGE["image_os_hash_value"],
            "node_uuid": controller.node("m1").uuid,
        },
        "configdrive": None,
    }
    assert params["deploy_version"] == {"generic_hardware_manager": "1"}
    assert params["node"]["provision_state"] == "deploying"
    assert params["ports"][0]["address"] == "52:54:00:00:00:01"
    assert "hunter2" not in str(bmc.machine.orders)


def test_a_config_drive_from_a_dictionary_reaches_the_agent(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    meta_data = {"hostname": "web1", "public_keys": {"me": "ssh-ed25519 AAAA"}}
    controller.ask(
        "m1", "active", configdrive={"meta_data": meta_data, "user_data": "#cloud-config"}
    )
    controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("write_image")
    args = params["step"]["args"]
    assert args["configdrive"] == args["image_info"]["configdrive"]
    iso = gzip.decompress(base64.b64decode(args["configdrive"]))
    assert b"config-2" in iso[32768:34816]
    assert b'"hostname": "web1"' in iso
    assert b"#cloud-config" in iso


def test_others_can_write_while_a_config_drive_is_made(
    controller: RunningController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "genisoimage"
    program.parent.mkdir()
    wait = f"touch {tmp_path}/begun; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    program.write_text(f'#!/bin/sh\n{wait}\nexec {shutil.which("genisoimage")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    controller.enrol("m1", instance_info=IMAGE)
    drive = {"configdrive": {"user_data": "#cloud-config"}}
    asking = threading.Thread(target=controller.ask, args=("m1", "active"), kwargs=drive)
    asking.start()
    try:
        wait_until((tmp_path / "begun").exists, 5, "genisoimage")
        controller.enrol("m2")  # genisoimage ends only after this
        assert controller.node("m1").provision_state == "available"
    finally:
        (tmp_path / "go").touch()
        asking.join()
    assert controller.wait_for("m1", "active").config_drive


def test_uefi_machines_get_their_boot_entry(tmp_path: Path) -> None:
    with running_controller(tmp_path, default_boot_mode="uefi") as controller:
        bmc = controller.enrol("m1", instance_info=IMAGE)
        bmc.machine.behaviour.seconds["install_bootloader"] = 0.2
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("install_bootloader")
    assert params == {
        "root_uuid": "0x00000000",
        "efi_system_part_uuid": None,
        "prep_boot_part_uuid": None,
        "target_boot_mode": "uefi",
    }
    assert "set_boot_device disk uefi True" in bmc.calls


def test_a_partition_image_is_described_with_its_partitions(tmp_path: Path) -> None:
    wishes = {"image_type": "partition", "root_gb": 10, "swap_mb": 64, "ephemeral_gb": 1}
    with running_controller(tmp_path, default_boot_mode="uefi") as controller:
        bmc = controller.enrol("m1", instance_info=IMAGE | wishes)
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("write_image")
    info = params["step"]["args"]["image_info"]
    assert (info["image_type"], info["deploy_boot_mode"], info["disk_label"]) == (
        "partition",
        "uefi",
        "gpt",
    )
    assert (info["root_mb"], info["swap_mb"], info["ephemeral_mb"]) == (10240, 64, 1024)


def test_a_partition_image_that_could_not_boot_is_refused_at_once(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE | {"image_type": "partition", "root_gb": 10})
    answer = validate(controller.services, "m1")["deploy"]
    assert answer["result"] is False
    assert "cannot boot in BIOS mode" in answer["reason"]
    with pytest.raises(Invalid, match="cannot boot in BIOS mode"):
        controller.ask("m1", "active")
    assert "write_image" not in str(bmc.machine.orders)


def test_where_it_is_allowed_the_agent_installs_the_boot_loader_of_a_partition_image(
    tmp_path: Path,
) -> None:
    partitioned = IMAGE | {"image_type": "partition", "root_gb": 10}
    with running_controller(tmp_path, enable_bios_bootloader_install=True) as controller:
        bmc = controller.enrol("m1", instance_info=partitioned)
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        whole = controller.enrol("m2", instance_info=IMAGE)
        controller.ask("m2", "active")
        controller.wait_for("m2", "active")
    (params,) = bmc.machine.ordered("install_bootloader")
    assert (params["target_boot_mode"], params["root_uuid"]) == ("bios", "0x00000000")
    assert whole.machine.ordered("install_bootloader") == []


def test_an_agent_with_tls_is_trusted_by_the_certificate_it_announced(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with running_controller(tmp_path, agent_require_tls=True) as controller:
        bmc = controller.enrol("m1", instance_info=IMAGE)
        bmc.machine.behaviour.tls = (certificate, key)
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")


def make_certificate(folder: Path) -> tuple[str, str]:
    certificate, key = folder / "agent.crt", folder / "agent.key"
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a"
    )
    subprocess.run(
        [
            *words.split(),
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-out",
            certificate,
            "-keyout",
            key,
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return str(certificate), str(key)


def test_progress_of_the_image_is_shown_while_it_is_written(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    bmc.machine.behaviour.seconds["write_image"] = 1.0
    controller.ask("m1", "active")
    wait_until(
        lambda: bool((controller.node("m1").progress or {}).get("bytes_done")), 5, "progress"
    )
    node = controller.node("m1")
    assert node.provision_state == "wait call-back"
    assert node.deploy_step["step"] == "write_image"
    assert node.progress
    assert node.progress["bytes_total"] == 20000
    assert controller.wait_for("m1", "active").progress is None
    (step,) = [e for e in controller.events("m1", "step") if e.data.get("step") == "write_image"]
    assert step.data["seconds"] >= 1.0


def test_an_agent_that_stays_up_is_switched_off(tmp_path: Path) -> None:
    with running_controller(tmp_path, agent_power_off_timeout_s=0.3) as controller:
        bmc = controller.enrol("m1", instance_info=IMAGE)
        bmc.machine.behaviour.switches_itself_off = False
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert bmc.machine.boots == ["pxe", "off", "disk"]


def test_a_step_that_the_client_adds_runs_in_its_place(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    raid: dict[str, Any] = {"step": "apply_configuration", "interface": "raid", "priority": 0}
    offered = {
        **raid,
        "argsinfo": {"raid_config": {"description": "What to make", "required": True}},
    }
    write = {"step": "write_image", "priority": 0, "interface": "deploy"}
    bmc.machine.behaviour.steps = {
        "deploy": [{**step, "reboot_requested": False} for step in (offered, write)]
    }
    wish = {**raid, "priority": 90, "args": {"raid_config": {}}}
    controller.ask("m1", "active", deploy_steps=[wish])
    controller.wait_for("m1", "active")
    names = [name for name, _params in bmc.machine.orders]
    assert names[:3] == ["get_deploy_steps", "apply_configuration", "write_image"]
    assert bmc.machine.ordered("apply_configuration")[0]["step"]["args"] == {"raid_config": {}}


def test_rebuild_and_delete(controller: RunningController) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE)
    controller.ask("m1", "active", configdrive=pack(bytes(0x8001) + b"CD001"))
    controller.wait_for("m1", "active")
    controller.ask("m1", "rebuild")
    controller.wait_for("m1", "active")
    first, second = bmc.machine.ordered("write_image")
    assert first["step"]["args"]["configdrive"] == second["step"]["args"]["configdrive"]

    controller.ask("m1", "deleted")
    node = controller.wait_for("m1", "available")
    assert (node.instance_info, node.config_drive, node.instance_uuid) == ({}, None, None)
    assert len(bmc.machine.ordered("erase_devices_metadata")) == 1
    assert not bmc.machine.is_on


def test_many_nodes_are_deployed_at_once(controller: RunningController) -> None:
    names = [f"m{number}" for number in range(12)]
    for name in names:
        bmc = controller.enrol(name, instance_info=IMAGE)
        bmc.machine.behaviour.seconds["write_image"] = 0.5
    for name in names:
        controller.ask(name, "active")
    for name in names:
        controller.wait_for(name, "active", timeout_s=60)


CONTAINER = {
    "image_source": "oci://registry.example.org/os:12",
    "image_pull_secret": "tux:open sesame",
    "bootc_authorized_keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org",
}


def test_a_bootable_container_is_installed_by_its_own_interface(
    controller: RunningController,
) -> None:
    bmc = controller.enrol(
        "m1", instance_info=CONTAINER, interfaces={"boot": "fake", "deploy": "bootc"}
    )
    bmc.machine.behaviour.results["execute_bootc_install"] = {
        "result": "execute_bootc_install: Container image",
        "installation": {
            "image": "registry.example.org/os@sha256:7e",
            "bootc": "bootc 1.1.4",
            "disk": "/dev/sda",
            "boot_mode": "bios",
            "partitions": ["3: 'root' 9 bytes, ext4"],
        },
    }
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert [name for name, _params in bmc.machine.orders] == [
        "get_deploy_steps",
        "execute_bootc_install",
        "sync",
        "power_off",
    ]
    (params,) = bmc.machine.ordered("execute_bootc_install")
    docker = base64.b64encode(b"tux:open sesame")
    assert params["step"]["args"] == {
        "image_source": CONTAINER["image_source"],
        "configdrive": None,
        "oci_pull_secret": base64.b64encode(docker).decode(),
    }
    keys = params["node"]["instance_info"]["bootc_authorized_keys"]
    assert keys == CONTAINER["bootc_authorized_keys"]
    assert "set_boot_device disk bios True" in bmc.calls
    assert node.driver_internal_info["boot_target"] == "disk"
    told = " ".join(event.message for event in controller.events("m1"))
    assert "registry.example.org/os@sha256:7e (bootc 1.1.4) is on /dev/sda" in told
    assert "open sesame" not in told
    assert docker.decode() not in told


def test_a_bootable_container_that_no_agent_would_take_is_refused_at_once(
    controller: RunningController,
) -> None:
    wrong = CONTAINER | {"image_source": "http://web/os.qcow2"}
    bmc = controller.enrol(
        "m1", instance_info=wrong, interfaces={"boot": "fake", "deploy": "bootc"}
    )
    assert validate(controller.services, "m1")["deploy"]["result"] is False
    with pytest.raises(Invalid, match=r"instance_info\.image_source: .* is no container image"):
        controller.ask("m1", "active")
    assert bmc.machine.orders == []
