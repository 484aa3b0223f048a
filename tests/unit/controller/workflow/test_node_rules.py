"""What a deployment would fail of is refused before power-on; what the controller accepts, the agent accepts."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from agent.disks.hints import root_hints as choose_hints
from agent.errors import AgentError
from agent.images.partitions.partition_wishes import layout_wishes
from agent.images.sources.address import usable_order
from agent.protocol.checksum import expected_checksum
from agent.protocol.config_drive import decode
from agent.protocol.image_rules import is_artifact
from agent.protocol.partition_wishes import is_partition_image, partition_wishes
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.images.config_drive import build_config_drive
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.interfaces.boot import NETWORK
from controller.workflow.interfaces.deploy import DIRECT
from controller.workflow.node_image import image_for_agent
from controller.workflow.node_rules import check_drive
from hardware_managers.generic.steps import parse_image_info

SHA256 = "ab" * 32
ISO = bytes(0x8001) + b"CD001" + bytes(1000)
DRIVE = base64.b64encode(gzip.compress(ISO)).decode()
GOOD: dict[str, Any] = {"image_source": "http://s/i.qcow2", "image_checksum": SHA256}
PARTITION = GOOD | {"image_type": "partition", "root_gb": 20}
UEFI = {"capabilities": {"boot_mode": "uefi"}}


def node(
    instance_info: dict[str, Any],
    *,
    properties: dict[str, Any] | None = None,
    traits: list[str] | None = None,
    driver_info: dict[str, Any] | None = None,
) -> Node:
    return Node(
        uuid="u",
        driver_info=driver_info or {},
        instance_info=instance_info,
        properties=properties or {},
        interfaces={},
        traits=traits or [],
    )


@pytest.mark.parametrize(
    ("instance_info", "properties"),
    [
        (GOOD, {}),
        (GOOD | {"traits": ["CUSTOM_GPU"]}, {}),
        (GOOD | {"capabilities": '{"boot_mode": "uefi", "secure_boot": "true"}'}, {}),
        (
            GOOD | {"capabilities": "secure_boot:true"},
            {"capabilities": "boot_mode:uefi,cpu_vt:true"},
        ),
        (PARTITION, UEFI),
    ],
)
def test_what_can_be_deployed_is_accepted(
    instance_info: dict[str, Any], properties: dict[str, Any]
) -> None:
    DIRECT.check(node(instance_info, properties=properties, traits=["CUSTOM_GPU"]), Settings())


@pytest.mark.parametrize(
    ("instance_info", "properties", "words"),
    [
        ({}, {}, "instance_info.image_source is missing"),
        (
            GOOD | {"image_checksum": "ab" * 20},
            {},
            "instance_info.image_checksum: .* is no checksum",
        ),
        (
            GOOD | {"image_disk_format": "vmdk"},
            {},
            "instance_info.image_disk_format: 'vmdk' cannot",
        ),
        (PARTITION | {"root_gb": "2O"}, UEFI, "instance_info.root_gb: '2O' is not a whole number"),
        (PARTITION | {"root_gb": None}, UEFI, "instance_info.root_gb: is missing"),
        (PARTITION | {"ephemeral_gb": -1}, UEFI, "instance_info.ephemeral_gb: -1 is negative"),
        (
            PARTITION | {"ephemeral_format": "xfs"},
            UEFI,
            "instance_info.ephemeral_format: 'xfs' cannot",
        ),
        (PARTITION, {"capabilities": "boot_mode:bios"}, "cannot boot in BIOS mode"),
        (
            GOOD | {"root_device": {"colour": "red"}},
            {},
            "instance_info.root_device: .*'colour' is unknown",
        ),
        (GOOD | {"root_device": "sda"}, {}, "instance_info.root_device: is no object of hints"),
        (
            GOOD,
            {"root_device": {"size": "100 GB"}},
            "properties.root_device: .*no positive number of GiB",
        ),
        (
            GOOD,
            {"root_device": {"model": ">= big"}},
            "properties.root_device: .*'big' is no number",
        ),
        (GOOD, {"skip_block_devices": [{}]}, "properties.skip_block_devices: has an empty entry"),
        (GOOD, {"skip_block_devices": {"tran": "usb"}}, "skip_block_devices: is no list"),
        (GOOD, {"skip_block_devices": [{"wwn": 5}]}, "skip_block_devices: .*'wwn' is 5; give text"),
        (GOOD | {"traits": "CUSTOM_GPU"}, {}, "traits is no list"),
        (GOOD | {"traits": ["CUSTOM_GPU", "CUSTOM_SSD"]}, {}, "the node has not CUSTOM_SSD"),
        (GOOD | {"capabilities": "uefi"}, {}, "instance_info.capabilities 'uefi' is neither"),
        (
            GOOD | {"capabilities": "{boot_mode"},
            {},
            "instance_info.capabilities '{boot_mode' is neither",
        ),
        (GOOD, {"capabilities": "boot_mode:legacy"}, "properties.capabilities: boot_mode 'legacy'"),
        (GOOD | {"capabilities": {"disk_label": "bsd"}}, {}, "disk_label 'bsd' does not exist"),
        (GOOD | {"capabilities": "secure_boot:yes"}, {}, "secure_boot 'yes' does not exist"),
        (
            GOOD | {"capabilities": "boot_mode:bios,secure_boot:true"},
            {},
            "secure_boot:true needs UEFI",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    instance_info: dict[str, Any], properties: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        DIRECT.check(node(instance_info, properties=properties, traits=["CUSTOM_GPU"]), Settings())


def test_a_stored_config_drive_is_checked() -> None:
    one = node(GOOD)
    check_drive(one)
    for one.config_drive in (DRIVE, DRIVE.rstrip("="), "http://s/drive"):
        check_drive(one)
    for one.config_drive in ("#cloud-config", "I2Nsb3Vk", "ftp://s/drive", ""):
        with pytest.raises(Invalid, match="configdrive"):
            check_drive(one)


def test_proxies_are_named_as_the_driver_info_has_them() -> None:
    with pytest.raises(Invalid, match=r"driver_info.image_http_proxy"):
        DIRECT.check(node(GOOD, driver_info={"image_http_proxy": "socks5://p"}), Settings())


def test_the_ramdisks_files_must_be_there_and_hold_something(tmp_path: Path) -> None:
    kernel, ramdisk = tmp_path / "kernel", tmp_path / "ramdisk"
    settings = Settings(deploy_kernel=str(kernel), deploy_ramdisk=str(ramdisk))
    with pytest.raises(Invalid, match="there is no file"):
        NETWORK.require_files(node(GOOD), settings)
    kernel.write_bytes(b"k")
    ramdisk.write_bytes(b"")
    with pytest.raises(Invalid, match="ramdisk is empty; copy it again"):
        NETWORK.require_files(node(GOOD), settings)
    ramdisk.write_bytes(b"r")
    NETWORK.require_files(node(GOOD), settings)


ODD = st.sampled_from(
    [None, "", 0, 5, -1, 1.5, True, "x", "yes", [], ["x"], {}, {"a": 1}, "\u00fc \ud83d"]
)


def mostly(*usual: Any, wrong: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Draw what people write, now and then what is wrong, and rarely what nobody should."""
    kinds = {0: ODD} | ({1: st.sampled_from(wrong), 2: st.sampled_from(wrong)} if wrong else {})
    return st.integers(0, 40).flatmap(lambda at: kinds.get(at, st.sampled_from(usual)))


SUMS = st.one_of(
    st.fixed_dictionaries(
        {"image_checksum": mostly(SHA256, "ab" * 48, "http://s/SUMS", wrong=("ab", "ab" * 16))}
    ),
    st.fixed_dictionaries(
        {
            "image_os_hash_algo": mostly("sha256", "SHA-256", wrong=("md5", "sha1", "sha512")),
            "image_os_hash_value": mostly(
                SHA256, "https://s/S UMS", wrong=("ab" * 64, "ab" * 16, None)
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "image_os_hash_algo": mostly("sha384"),
            "image_os_hash_value": mostly("ab" * 48, "HTTP://s/SUMS"),
        },
        optional={"image_checksum": mostly("ab" * 16, wrong=("abc",))},
    ),
    st.just({}),
)
WISHES = st.fixed_dictionaries(
    {
        "image_source": mostly(
            "http://s/i",
            "HTTPS://\u00fcber.example/a b",
            "oci://r/n:t",
            "file:///i",
            wrong=("http://s:x/i", "s3://b/i"),
        )
    },
    optional={
        "image_mirrors": mostly(["http://m/i"], "http://a/i, http://b/i", wrong=(["ftp://m/i"],)),
        "image_disk_format": mostly("raw", "qcow2", "unknown", "zstd", wrong=("vmdk",)),
        "image_container_format": mostly("bare", wrong=("ovf",)),
        "image_type": mostly("partition", "whole-disk", wrong=("ramdisk",)),
        "image_pull_secret": mostly("u:p", "dTpw", wrong=("sesame",)),
        "root_gb": mostly(20, "20", " 20 ", wrong=("1_0", "9" * 30, 0)),
        "swap_mb": mostly(512, "512", wrong=("x",)),
        "ephemeral_gb": mostly(1, "1", wrong=("-1",)),
        "ephemeral_format": mostly("ext4", wrong=("xfs",)),
        "preserve_ephemeral": mostly(True, "False", wrong=("maybe",)),
        "grow_root_filesystem": mostly(True, "no", wrong=("maybe",)),
        "capabilities": mostly(
            {"disk_label": "gpt"}, "boot_mode:uefi", wrong=("boot_mode:efi", "disk_label:bsd")
        ),
        "configdrive": mostly(
            DRIVE, DRIVE.rstrip("="), "http://s/drive iso", wrong=("ftp://s/d", "I2Nsb3Vk")
        ),
        "traits": mostly(["CUSTOM_GPU"], wrong=(["CUSTOM_X"],)),
        "root_device": mostly(
            {"size": ">= 10"}, {"wwn": "0x5"}, wrong=({"colour": "red"}, {"size": "s== 5"})
        ),
    },
)
INSTANCE_INFO = st.builds(lambda wishes, sums: wishes | sums, WISHES, SUMS)
DRIVER_INFO = st.fixed_dictionaries(
    {},
    optional={
        "image_http_proxy": mostly("http://p:3128", "p:3128", wrong=("socks://p",)),
        "image_no_proxy": mostly("localhost,10.0.0.0/8"),
    },
)
SETTINGS = st.builds(
    Settings,
    allow_md5_images=st.booleans(),
    allow_unverified_images=st.booleans(),
    default_boot_mode=st.sampled_from(["bios", "uefi"]),
)


def agent_takes(order: dict[str, Any], instance_info: dict[str, Any], settings: Settings) -> None:
    """Do with an order what the agent does before it opens a disk, except for asking servers."""
    image = usable_order(
        parse_image_info({"image_info": json.loads(json.dumps(order))}),
        allow_md5=settings.allow_md5_images,
        allow_unverified=settings.allow_unverified_images,
    )
    may_lack = settings.allow_unverified_images or any(map(is_artifact, image.urls))
    if image.checksum or image.os_hash_value or not may_lack:
        algorithm = (image.os_hash_algo or "").lower().replace("-", "")
        digits = {"sha384": 96, "sha512": 128, "md5": 32}.get(algorithm, 64)
        expected_checksum(
            image, "i", lambda _url: b"ab" * (digits // 2), allow_md5=settings.allow_md5_images
        )
    if is_partition_image(image):
        for firmware in ("uefi", "bios"):
            layout_wishes(partition_wishes(image, firmware), 0, is_ppc64=False)
    choose_hints({"instance_info": instance_info})
    if isinstance(image.configdrive, str) and not image.configdrive.startswith("http"):
        decode(image.configdrive)


@settings_of_hypothesis(max_examples=300)
@given(INSTANCE_INFO, DRIVER_INFO, SETTINGS)
def test_what_the_controller_accepts_the_agent_accepts(
    instance_info: dict[str, Any], driver_info: dict[str, Any], settings: Settings
) -> None:
    one = node(instance_info, driver_info=driver_info, traits=["CUSTOM_GPU"])
    try:
        DIRECT.check(one, settings)
        drive = instance_info.get("configdrive")
        if isinstance(drive, str):
            one.config_drive = build_config_drive(drive, node_uuid="u", node_name=None, timeout_s=1)
    except Invalid:
        return
    check_drive(one)
    agent_takes(image_for_agent(one, settings), instance_info, settings)


@settings_of_hypothesis(max_examples=300)
@given(INSTANCE_INFO, DRIVER_INFO, SETTINGS)
def test_what_the_agent_refuses_the_controller_refuses(
    instance_info: dict[str, Any], driver_info: dict[str, Any], settings: Settings
) -> None:
    one = node(instance_info, driver_info=driver_info, traits=["CUSTOM_GPU"])
    try:
        agent_takes(image_for_agent(one, settings), instance_info, settings)
    except (AgentError, Refusal, Invalid):
        with pytest.raises(Invalid):
            DIRECT.check(one, settings)
