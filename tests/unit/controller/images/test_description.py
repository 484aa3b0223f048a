from typing import Any

import pytest

from controller.errors import Invalid
from controller.images.description import check_description, image_info, shown_url

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
        ({"image_source": "/srv/disk.raw"}, "no http or https URL"),
        ({"image_source": "glance://x"}, "no http or https URL"),
        ({"image_source": "http://[zz"}, "no http or https URL"),
        ({"image_source": "http://me:geheim@[zz"}, "'http:...' is no http or https URL"),
        ({"image_checksum": "http://[zz"}, "neither a hexadecimal"),
        ({"image_type": "partition"}, "not served yet"),
        ({"image_type": [1]}, "not served yet"),
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


def test_urls_are_shown_without_what_may_be_secret() -> None:
    assert shown_url("https://me:pw@server:8/a/b.raw?signature=x#y") == "https://server:8/a/b.raw"
    assert shown_url("/srv/x") == "/srv/x"


def test_proxies_and_the_config_drive_are_passed_on() -> None:
    info = image_info(GOOD, {"image_http_proxy": "http://p:1"}, "uuid", "H4sI")
    assert info["proxies"] == {"http": "http://p:1"}
    assert info["configdrive"] == "H4sI"
