from typing import Any

import pytest

from controller.errors import Invalid
from controller.images.description import check_description, image_info

MD5 = "ab" * 16
SHA256 = "ab" * 32
GOOD: dict[str, Any] = {
    "image_source": "http://server/images/my%20disk.qcow2?x=1",
    "image_os_hash_algo": "sha256",
    "image_os_hash_value": SHA256,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_source": None}, "image_source is missing"),
        ({"image_source": "/srv/disk.raw"}, "no http, https, oci or file URL"),
        ({"image_source": "glance://x"}, "no http, https, oci or file URL"),
        ({"image_source": "http://[zz"}, "no IPv6 address in brackets"),
        ({"image_source": "http://me:geheim@[zz"}, "'http://\\[zz' cannot be used"),
        ({"image_checksum": "http://[zz"}, "no IPv6 address in brackets"),
        ({"image_type": "ramdisk"}, "use whole-disk or partition"),
        ({"image_type": [1]}, "use whole-disk or partition"),
        ({"image_os_hash_algo": None}, "belong together"),
        ({"image_os_hash_value": None}, "belong together"),
        ({"image_os_hash_algo": None, "image_os_hash_value": None}, "no checksum"),
        ({"image_os_hash_value": "xyz"}, "neither a hexadecimal"),
        ({"image_checksum": "12345"}, "neither a hexadecimal"),
        ({"image_os_hash_algo": "md5", "image_os_hash_value": MD5}, "use sha256 or sha512"),
        ({"image_os_hash_algo": "MD5", "image_os_hash_value": "http://s/MD5SUMS"}, "only an MD5"),
        (
            {"image_os_hash_algo": None, "image_os_hash_value": None, "image_checksum": MD5},
            "only an MD5",
        ),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check_description({**GOOD, **changes})


def test_a_checksum_may_be_a_url_or_the_only_one() -> None:
    check_description(GOOD)
    check_description({**GOOD, "image_os_hash_value": "https://server/SHA256SUMS"})
    check_description(
        {**GOOD, "image_os_hash_value": "https://images.test/x/SHA256SUMS"}
    )  # 32 characters
    check_description({"image_source": "http://s/i", "image_checksum": SHA256})


def test_an_md5_sum_beside_a_better_one_does_no_harm() -> None:
    check_description({**GOOD, "image_checksum": MD5})


def test_the_image_is_described_as_the_agent_expects() -> None:
    info = image_info(GOOD, {}, "uuid", None)
    assert info["id"] == "my disk.qcow2"
    assert info["urls"] == [GOOD["image_source"]]
    assert info["stream_raw_images"] is True
    assert "configdrive" not in info
    assert "proxies" not in info


def test_mirrors_follow_the_image_and_are_checked() -> None:
    info = image_info(GOOD | {"image_mirrors": ["https://other/i"]}, {}, "uuid", None)
    assert info["urls"] == [GOOD["image_source"], "https://other/i"]
    with pytest.raises(Invalid, match="'glance://x' is no http"):
        check_description(GOOD | {"image_mirrors": ["glance://x"]})


def test_an_artifact_needs_no_checksum_and_brings_its_login() -> None:
    source = {"image_source": "oci://registry:5000/images/debian:12"}
    check_description(source)
    assert "image_server_user" not in image_info(source, {}, "uuid", None)
    info = image_info(source | {"image_pull_secret": "tux:sesame"}, {}, "uuid", None)
    assert info["id"] == "debian:12"
    assert info["urls"] == ["oci://registry:5000/images/debian:12"]
    assert info["image_server_auth_strategy"] == "http_basic"
    assert (info["image_server_user"], info["image_server_password"]) == ("tux", "sesame")


def test_the_settings_may_allow_what_cannot_be_checked() -> None:
    bare = {"image_source": "http://s/i"}
    with pytest.raises(Invalid, match="allow_unverified_images"):
        check_description(bare)
    check_description(bare, allow_unverified=True)
    for weak in ({"image_checksum": MD5}, {"image_checksum": f"md5:{MD5}"}):
        with pytest.raises(Invalid, match="allow_md5_images"):
            check_description(bare | weak, allow_unverified=True)
        check_description(bare | weak, allow_md5=True)


def test_a_sum_may_name_its_algorithm() -> None:
    check_description({"image_source": "http://s/i", "image_checksum": f"sha256:{SHA256}"})


def test_proxies_and_the_config_drive_are_passed_on() -> None:
    info = image_info(GOOD, {"image_http_proxy": "http://p:1"}, "uuid", "H4sI")
    assert info["proxies"] == {"http": "http://p:1"}
    assert info["configdrive"] == "H4sI"
