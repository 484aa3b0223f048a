"""What ``image_source`` may name, and what a deployment takes of a registered image."""

from typing import Any

import pytest

from controller.errors import Invalid
from controller.images.registered import KEY, name_of, with_registered

FOUND = {
    "asked_for": "debian",
    "urls": ["http://a/images/store/u", "http://b/debian.qcow2"],
    "os_hash_algo": "sha512",
    "os_hash_value": "f" * 128,
    "disk_format": "qcow2",
}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("debian-12", "debian-12"),
        ("glance://debian", "debian"),
        ("http://x/y", None),
        ("oci://x/y:z", None),
        ("file:///x", None),
        ("/srv/x.raw", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_name_is_what_is_no_address(source: Any, name: str | None) -> None:
    assert name_of({"image_source": source}) == name


def test_the_digest_of_the_entry_replaces_what_was_there() -> None:
    given = {"image_source": "debian", "image_checksum": "old", "root_gb": 5}
    found = with_registered(given, {KEY: FOUND})
    assert found["image_source"] == "http://a/images/store/u"
    assert found["image_mirrors"] == ["http://b/debian.qcow2"]
    assert (found["image_os_hash_algo"], found["image_checksum"]) == ("sha512", None)
    assert (found["image_disk_format"], found["root_gb"]) == ("qcow2", 5)
    assert given["image_checksum"] == "old"
    own = with_registered({**given, "image_disk_format": "raw"}, {KEY: FOUND})
    assert own["image_disk_format"] == "raw"


@pytest.mark.parametrize("internal", [{}, {KEY: None}, {KEY: {**FOUND, "asked_for": "other"}}])
def test_one_that_the_deployment_was_not_given_is_refused(internal: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="'debian' is neither an address nor an image"):
        with_registered({"image_source": "debian"}, internal)
