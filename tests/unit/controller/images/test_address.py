"""Mirrors are read from lists and text; secrets are never shown."""

import base64

import pytest

from controller.errors import Invalid
from controller.images.address import mirrors, pull_login


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
