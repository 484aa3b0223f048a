"""An image is described for agents in the words of the real conductor, and what they would refuse is named."""

from typing import Any

import pytest

from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.images.description import check_order, check_words, image_info
from controller.images.refusals import invalid

MD5 = "ab" * 16
SHA256 = "ab" * 32
GOOD: dict[str, Any] = {
    "image_source": "http://server/images/my%20disk.qcow2?x=1",
    "image_os_hash_algo": "sha256",
    "image_os_hash_value": SHA256,
}


def check(instance_info: dict[str, Any], **allowed: bool) -> None:
    check_words(instance_info)
    check_order(image_info(instance_info, {}, "uuid", None), **allowed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_source": None}, "image_source is missing"),
        ({"image_type": "ramdisk"}, "use whole-disk or partition"),
        ({"image_type": [1]}, "use whole-disk or partition"),
        ({"image_os_hash_algo": None}, "belong together"),
        ({"image_os_hash_value": None}, "belong together"),
        ({"image_os_hash_value": 5}, r"type that no agent reads: .*\$.os_hash_value"),
        ({"image_disk_format": ["raw"]}, r"type that no agent reads: .*\$.disk_format"),
        ({"image_mirrors": 5}, "no list of addresses"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check({**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_source": "/srv/disk.raw"}, "no http, https, oci or file URL"),
        ({"image_source": "http://me:geheim@[zz"}, r"'http://\[zz': .* no IPv6 address"),
        ({"image_mirrors": ["glance://x"]}, "'glance://x' is no http"),
        ({"image_checksum": "12345"}, "'12345' is no checksum"),
        ({"image_os_hash_value": "xyz"}, "'xyz' is no checksum"),
        ({"image_os_hash_algo": "md5", "image_os_hash_value": MD5}, "allow_md5_images"),
    ],
)
def test_what_agents_refuse_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        check({**GOOD, **changes})
    assert "geheim" not in str(caught.value)


def test_refusals_use_the_names_of_the_nodes_keys() -> None:
    named = {
        "urls": "instance_info.image_source: x",
        "os_hash_value": "instance_info.image_os_hash_value: x",
        "root_mb": "instance_info.root_gb: x",
        "swap_mb": "instance_info.swap_mb: x",
        "disk_label": "the capability disk_label: x",
        "": "instance_info: x",
    }
    assert {field: str(invalid(Refusal("x", field=field))) for field in named} == named


def test_a_checksum_may_be_a_url_or_the_only_one() -> None:
    check(GOOD)
    check({**GOOD, "image_os_hash_value": "https://server/SHA256SUMS"})
    check({**GOOD, "image_os_hash_value": "https://images.test/x/SHA256SUMS"})  # 32 characters
    check({"image_source": "http://s/i", "image_checksum": SHA256})
    check({"image_source": "http://s/i", "image_checksum": "ab" * 48})


def test_an_md5_sum_beside_a_better_one_does_no_harm() -> None:
    check({**GOOD, "image_checksum": MD5})


def test_the_image_is_described_as_the_agent_expects() -> None:
    info = image_info(GOOD, {}, "uuid", None)
    assert info["id"] == "my disk.qcow2"
    assert info["urls"] == [GOOD["image_source"]]
    assert info["stream_raw_images"] is True
    assert "configdrive" not in info
    assert "proxies" not in info


def test_addresses_are_encoded_for_agents_that_do_not() -> None:
    written = GOOD | {"image_source": "HTTP://server/my disk", "image_mirrors": ["http://s/ü"]}
    assert image_info(written, {}, "uuid", None)["urls"] == [
        "http://server/my%20disk",
        "http://s/%C3%BC",
    ]


def test_an_artifact_needs_no_checksum_and_brings_its_login() -> None:
    source = {"image_source": "oci://registry:5000/images/debian:12"}
    check(source)
    assert "image_server_user" not in image_info(source, {}, "uuid", None)
    info = image_info(source | {"image_pull_secret": "tux:sesame"}, {}, "uuid", None)
    assert info["id"] == "debian:12"
    assert info["urls"] == ["oci://registry:5000/images/debian:12"]
    assert info["image_server_auth_strategy"] == "http_basic"
    assert (info["image_server_user"], info["image_server_password"]) == ("tux", "sesame")


def test_the_settings_may_allow_what_cannot_be_checked() -> None:
    bare = {"image_source": "http://s/i"}
    with pytest.raises(Refusal, match="allow_unverified_images"):
        check(bare)
    check(bare, allow_unverified=True)
    for weak in ({"image_checksum": MD5}, {"image_checksum": f"md5:{MD5}"}):
        with pytest.raises(Refusal, match="allow_md5_images"):
            check(bare | weak, allow_unverified=True)
        check(bare | weak, allow_md5=True)


def test_a_sum_may_name_its_algorithm() -> None:
    check({"image_source": "http://s/i", "image_checksum": f"sha256:{SHA256}"})


def test_proxies_and_the_config_drive_are_passed_on() -> None:
    info = image_info(GOOD, {"image_http_proxy": "http://p:1"}, "uuid", "H4sI")
    assert info["proxies"] == {"http": "http://p:1"}
    assert info["configdrive"] == "H4sI"
