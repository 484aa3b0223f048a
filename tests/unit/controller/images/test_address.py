"""Addresses of images are web servers, registries and files of the ramdisk; secrets in them are never shown."""

import base64

import pytest

from controller.errors import Invalid
from controller.images.address import check_address, mirrors, pull_login

DIGEST = "sha256:" + "a1" * 32


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
    check_address(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("disk.raw", "no http, https, oci or file URL"),
        ("glance://x", "no http, https, oci or file URL"),
        ("http:///disk.raw", "names no host"),
        ("file://server/disk.raw", "no http, https, oci or file URL"),
        ("oci://registry", "no address of an artifact"),
        ("oci://registry/Debian", "no address of an artifact"),
        ("oci://registry/debian?x=1", "no address of an artifact"),
        ("oci://registry/debian@md5:12", "no address of an artifact"),
        ("oci://tux:sesame@registry/debian", "image_pull_secret"),
    ],
)
def test_what_no_agent_can_fetch_is_refused(source: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        check_address(source)
    assert "sesame" not in str(caught.value)


def test_mirrors_are_a_list_or_text_with_commas() -> None:
    assert mirrors({}) == ()
    assert mirrors({"image_mirrors": ["http://a/i", "http://b/i"]}) == ("http://a/i", "http://b/i")
    assert mirrors({"image_mirrors": "http://a/i, http://b/i,"}) == ("http://a/i", "http://b/i")
    for wrong in (7, {"a": 1}, [7]):
        with pytest.raises(Invalid, match="no list of addresses"):
            mirrors({"image_mirrors": wrong})


@pytest.mark.parametrize("secret", ["tux:se:same", base64.b64encode(b"tux:se:same").decode()])
def test_a_pull_secret_is_a_login_in_clear_or_base64(secret: str) -> None:
    info = {"image_source": "oci://registry/debian", "image_pull_secret": secret}
    assert pull_login(info) == ("tux", "se:same")
    assert pull_login(info | {"image_source": "https://server/disk.raw"}) is None
    assert pull_login({"image_source": "oci://registry/debian"}) is None


@pytest.mark.parametrize("secret", ["geheim", "Z2VoZWlt", ":geheim", "gehe\xefm"])
def test_another_pull_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(Invalid, match="neither user:password") as caught:
        pull_login({"image_source": "oci://registry/debian", "image_pull_secret": secret})
    assert "eheim" not in str(caught.value)
