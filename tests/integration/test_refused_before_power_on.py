"""What a deployment would fail of: ``validate`` says it for its interface, and the verb refuses it with the same words."""

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller_api import Api, make_api

SHA256 = "ab" * 32
IMAGE = {"image_source": "http://s/i.qcow2", "image_checksum": SHA256}
UEFI = {"capabilities": {"boot_mode": "uefi"}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    for name in ("kernel", "ramdisk"):
        tmp_path.joinpath(name).write_bytes(b"x")
    made = make_api(tmp_path, deploy_kernel="kernel", deploy_ramdisk="ramdisk")
    yield made
    made.services.store.close()


def available(api: Api, **values: Any) -> str:
    """Return the path of a node that could be deployed but for ``values``."""
    node = api.node(name="one", **values)
    api.ok("POST", "/v1/ports", {"node_uuid": node["uuid"], "address": "52:54:00:00:00:01"})
    api.set_row("one", provision_state="available")
    return f"/v1/nodes/{node['uuid']}"


def refusal(api: Api, node: str, **request: Any) -> str:
    wanted = {"target": "active", **request}
    return api.error(400, "PUT", f"{node}/states/provision", wanted)


def test_what_can_be_deployed_is_valid_and_begins(api: Api) -> None:
    node = available(api, instance_info=IMAGE)
    found = api.ok("GET", f"{node}/validate")
    wrong = {kind: one["reason"] for kind, one in found.items() if one["result"] is False}
    assert all("does not support" in reason for reason in wrong.values()), wrong
    assert not wrong.keys() & {"boot", "deploy", "management", "network", "power", "storage"}
    drive = base64.b64encode(gzip.compress(bytes(0x8001) + b"CD001")).decode().rstrip("=")
    request = {"target": "active", "configdrive": drive}
    assert api.call("PUT", f"{node}/states/provision", request).status_code == 202


@pytest.mark.parametrize(
    ("instance_info", "properties", "interface", "words"),
    [
        ({}, {}, "deploy", "instance_info.image_source is missing"),
        (IMAGE | {"image_source": "s3://b/i"}, {}, "deploy", "is no http, https, oci or file URL"),
        (IMAGE | {"image_source": "http://s:x/i"}, {}, "deploy", "its port is no number"),
        (IMAGE | {"image_checksum": "ab" * 20}, {}, "deploy", "instance_info.image_checksum"),
        (IMAGE | {"image_checksum": "ab" * 16}, {}, "deploy", "MD5 is not accepted"),
        (IMAGE | {"image_disk_format": "vmdk"}, {}, "deploy", "image_disk_format: 'vmdk'"),
        (IMAGE | {"image_container_format": "ova"}, {}, "deploy", "image_container_format: 'ova'"),
        (IMAGE | {"image_type": "partition"}, UEFI, "deploy", "instance_info.root_gb: is missing"),
        (IMAGE | {"root_device": {"size": "1 TB"}}, {}, "deploy", "instance_info.root_device"),
        (
            IMAGE,
            {"skip_block_devices": [{"colour": "red"}]},
            "deploy",
            "properties.skip_block_devices",
        ),
        (IMAGE | {"traits": ["CUSTOM_X"]}, {}, "deploy", "the node has not CUSTOM_X"),
        (IMAGE, {"capabilities": "boot_mode:legacy"}, "boot", "boot_mode 'legacy' does not exist"),
        (
            IMAGE | {"capabilities": {"secure_boot": "true", "boot_mode": "bios"}},
            {},
            "boot",
            "secure_boot:true needs UEFI",
        ),
        (IMAGE | {"configdrive": "I2Nsb3Vk"}, {}, "deploy", "the config drive holds text"),
    ],
)
def test_what_cannot_be_deployed_is_said_and_refused(
    api: Api,
    instance_info: dict[str, Any],
    properties: dict[str, Any],
    interface: str,
    words: str,
) -> None:
    node = available(api, instance_info=instance_info, properties=properties)
    answer = api.ok("GET", f"{node}/validate")[interface]
    assert answer["result"] is False
    assert words in answer["reason"]
    assert refusal(api, node) == answer["reason"]
    assert api.ok("GET", node)["provision_state"] == "available"


@pytest.mark.parametrize("drive", ["#cloud-config", "I2Nsb3Vk", {"user": "x"}, "ftp://s/d"])
def test_a_config_drive_that_is_none_is_refused_by_the_verb(api: Api, drive: Any) -> None:
    node = available(api, instance_info=IMAGE)
    assert "configdrive" in refusal(api, node, configdrive=drive)


def test_a_ramdisk_that_is_not_there_is_said_and_refused(api: Api) -> None:
    node = available(api, instance_info=IMAGE, driver_info={"deploy_kernel": "http://s:x/k"})
    answer = api.ok("GET", f"{node}/validate")["boot"]
    assert "driver_info/deploy_kernel: its port is no number" in answer["reason"]
    assert refusal(api, node) == answer["reason"]


def test_wrong_hints_do_not_wait_for_cleaning(api: Api) -> None:
    node = available(api, properties={"skip_block_devices": [{}]})
    api.set_row("one", provision_state="manageable")
    request = {"target": "provide"}
    words = api.error(400, "PUT", f"{node}/states/provision", request)
    assert "properties.skip_block_devices: has an empty entry" in words


@pytest.mark.parametrize(
    ("driver_info", "words"),
    [
        ({"ipmi_address": "https://bmc"}, "URL of kind 'https'"),
        ({"ipmi_address": "bmc:x"}, "the port 'x'"),
        ({"ipmi_address": "bmc", "ipmi_username": "a" * 17}, "at most 16 bytes"),
        ({"ipmi_address": "bmc", "ipmi_password": "a" * 21}, "at most 20 bytes"),
        ({"ipmi_address": "bmc", "ipmi_hex_kg_key": "abc"}, "two for each byte"),
    ],
)
def test_a_bmc_that_cannot_be_reached_so_is_said(
    api: Api, driver_info: dict[str, Any], words: str
) -> None:
    node = available(api, driver="ipmi", instance_info=IMAGE, driver_info=driver_info)
    found = api.ok("GET", f"{node}/validate")
    for interface in ("power", "management"):
        assert found[interface]["result"] is False
        assert words in found[interface]["reason"]
    assert words in refusal(api, node)
