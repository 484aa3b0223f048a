"""What the agent would not write is refused before anything is asked; the field is named, secrets are not shown."""

from typing import Any

import pytest

from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import authorization, check_image, usable_address
from agent.protocol.refusal import Refusal

SHA256, MD5 = "a1" * 32, "b2" * 16
DIGEST = f"sha256:{SHA256}"
GOOD: dict[str, Any] = {"id": "i", "urls": ["http://s/i"], "checksum": SHA256}


@pytest.mark.parametrize(
    "source",
    [
        "http://server/disk.raw",
        "https://server:8443/disk.raw?signature=x",
        "file:///mnt/images/disk.raw",
        "file:/mnt/images/disk.raw",
        "oci://registry/debian",
        "oci://registry:5000/images/debian__x:12.1",
        f"oci://registry/images/debian@{DIGEST}",
        f"oci://registry/images/debian:12@{DIGEST}",
    ],
)
def test_what_an_agent_can_fetch_is_accepted(source: str) -> None:
    usable_address(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("disk.raw", "no http, https, oci or file URL"),
        ("glance://x", "no http, https, oci or file URL"),
        ("http:///disk.raw", "names no host"),
        ("file://server/disk.raw", "is no local file"),
        ("oci://registry", "not an address of an artifact"),
        ("oci://registry/Debian", "not an address of an artifact"),
        ("oci://registry/debian?x=1", "not an address of an artifact"),
        ("oci://registry/debian@md5:12", "not an address of an artifact"),
        ("oci://tux:sesame@registry/debian", "image_pull_secret"),
    ],
)
def test_what_no_agent_can_fetch_is_refused(source: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        usable_address(source)
    assert "sesame" not in str(caught.value)


def check(*, allow_md5: bool = False, allow_unverified: bool = False, **fields: Any) -> None:
    image = ImageInfo(**(GOOD | fields))
    check_image(image, allow_md5=allow_md5, allow_unverified=allow_unverified)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"checksum": "c3" * 48},
        {"checksum": None, "os_hash_algo": "SHA-384", "os_hash_value": "c3" * 48},
        {"checksum": "HTTPS://s/SHA256SUMS"},
        {"disk_format": "raw", "container_format": "bare", "image_type": "whole-disk"},
        {"disk_format": "zstd"},
        {"checksum": None, "urls": ["oci://registry/debian"]},
        {"checksum": MD5, "allow_md5": True},
        {"checksum": None, "allow_unverified": True},
        {"image_type": "partition", "root_gb": "20", "swap_mb": 512, "preserve_ephemeral": "no"},
        {"proxies": {"http": "proxy:3128", "https": "HTTPS://u:p@proxy"}},
    ],
)
def test_what_the_agent_writes_is_accepted(fields: dict[str, Any]) -> None:
    check(**fields)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"urls": []}, "urls", "no address is given"),
        ({"urls": ["http://s/i", "ftp://s/i"]}, "urls", "'ftp://s/i' is no http"),
        ({"urls": ["http://me:sesame@s:x/i"]}, "urls", "its port is no number"),
        ({"checksum": None}, "", "has no checksum"),
        ({"checksum": "xyz"}, "checksum", "is no checksum"),
        ({"checksum": "g" * 64}, "checksum", "is no checksum"),
        ({"checksum": "a1" * 20}, "checksum", "is no checksum"),
        ({"checksum": MD5}, "checksum", "MD5 is not accepted"),
        ({"checksum": "http://s:x/SUMS"}, "checksum", "its port is no number"),
        ({"checksum": "ftp://s/SUMS"}, "checksum", "is no checksum"),
        (
            {"os_hash_algo": "sha512", "os_hash_value": SHA256},
            "os_hash_value",
            "a sha512 has 128 hexadecimal digits, not 64",
        ),
        (
            {"os_hash_algo": "md5", "os_hash_value": "http://s/MD5SUMS"},
            "os_hash_value",
            "MD5 is not accepted",
        ),
        (
            {"checksum": None, "os_hash_algo": "sha1", "os_hash_value": "a1" * 20},
            "os_hash_algo",
            "'sha1' is not supported",
        ),
        (
            {
                "checksum": None,
                "os_hash_algo": "sha1",
                "os_hash_value": "x",
                "allow_unverified": True,
            },
            "os_hash_algo",
            "'sha1' is not supported",
        ),
        (
            {"disk_format": "vmdk"},
            "disk_format",
            "'vmdk' cannot be written; possible are .* convert",
        ),
        ({"disk_format": "iso"}, "disk_format", "'iso' cannot be written"),
        ({"container_format": "ova"}, "container_format", "'ova' cannot be written"),
        ({"image_type": "ramdisk"}, "image_type", "use whole-disk or partition"),
        ({"image_request_authorization": "%"}, "image_request_authorization", "is not base64"),
        ({"proxies": {"http": "socks5://u:sesame@p"}}, "proxies", "is no http or https URL"),
        ({"proxies": {"http": "u:sesame@p:x"}}, "proxies", "its port is no number"),
        ({"image_type": "partition"}, "root_gb", "is missing"),
        ({"image_type": "partition", "root_gb": "1e3"}, "root_gb", "not a whole number"),
        ({"image_type": "partition", "root_gb": 1, "swap_mb": "-1"}, "swap_mb", "is negative"),
        (
            {"image_type": "partition", "root_gb": 1, "ephemeral_mb": "9" * 5000},
            "ephemeral_mb",
            "not a whole number",
        ),
        (
            {"image_type": "partition", "root_gb": 1, "ephemeral_format": "xfs"},
            "ephemeral_format",
            "cannot be made here",
        ),
        (
            {"image_type": "partition", "root_gb": 1, "disk_label": "bsd"},
            "disk_label",
            "neither gpt",
        ),
        (
            {"image_type": "partition", "root_gb": 1, "grow_root_filesystem": "perhaps"},
            "grow_root_filesystem",
            "neither true nor false",
        ),
    ],
)
def test_what_the_agent_would_not_write_is_refused(
    fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Refusal, match=words) as caught:
        check(**fields)
    assert caught.value.field == field
    assert "sesame" not in str(caught.value)


def test_the_login_of_an_image_becomes_a_header() -> None:
    assert authorization(ImageInfo(**GOOD)) is None
    header = authorization(ImageInfo(**GOOD, image_request_authorization="QmVhcmVyIHgK"))
    assert header == "Bearer x"
    login: dict[str, Any] = {"image_server_user": "u", "image_server_password": "p"}
    basic = ImageInfo(**GOOD, image_server_auth_strategy="http_basic", **login)
    assert authorization(basic) == "Basic dTpw"
