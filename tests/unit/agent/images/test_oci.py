"""Addresses and manifests of artifacts are read strictly, and one disk is chosen or none."""

import json
from typing import Any

import pytest

from agent.errors import ImageError
from agent.images.sources.oci_manifest import (
    Descriptor,
    Platform,
    check_container,
    choose_container,
    choose_disk,
    choose_manifest,
    parse_digest,
    parse_manifest,
)
from agent.protocol.oci_reference import base_url, parse_reference
from agent.protocol.refusal import Refusal

DIGEST = "sha256:" + "a1" * 32
LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(
    ("url", "host", "name", "wanted"),
    [
        ("oci://r.example/debian", "r.example", "debian", "latest"),
        ("oci://r.example:5000/a/b-c/d__e.f:12.1_x", "r.example:5000", "a/b-c/d__e.f", "12.1_x"),
        (f"oci://r/a@{DIGEST}", "r", "a", DIGEST),
        (f"oci://r/a:tag@{DIGEST}", "r", "a", DIGEST),
        ("oci://[::1]:5000/a:1", "[::1]:5000", "a", "1"),
        ("oci://docker.io/library/a:1", "registry-1.docker.io", "library/a", "1"),
    ],
)
def test_an_address_has_registry_name_and_tag_or_digest(
    url: str, host: str, name: str, wanted: str
) -> None:
    reference = parse_reference(url)
    assert (reference.host, reference.name, reference.wanted) == (host, name, wanted)


@pytest.mark.parametrize(
    "url",
    [
        "oci://r",
        "oci://r/",
        "oci:///a",
        "oci://r/Upper",
        "oci://r/a//b",
        "oci://r/../a",
        "oci://r/a:",
        "oci://r/a@sha256:12",
        "oci://r/a@md5:" + "a1" * 16,
        "oci://r/a?tag=1",
        "oci://r/a#x",
        "https://r/a",
    ],
)
def test_a_malformed_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(Refusal, match="write oci://registry/name:tag"):
        parse_reference(url)


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("127.0.0.1:5000", "http"),
        ("127.9.9.9", "http"),
        ("[::1]:5000", "http"),
        ("localhost:5000", "http"),
        ("localhost.example", "https"),
        ("10.0.0.1:5000", "https"),
        ("lab.example:5000", "http"),
        ("lab.example:5001", "https"),
        ("plain.example:1234", "http"),
    ],
)
def test_only_this_machine_and_named_registries_may_speak_http(host: str, scheme: str) -> None:
    assert base_url(host, ("lab.example:5000", "plain.example")) == f"{scheme}://{host}"


def layer(title: str = "", media_type: str = LAYER, size: int = 10) -> Descriptor:
    notes = {"org.opencontainers.image.title": title} if title else None
    return Descriptor(media_type=media_type, digest=DIGEST, size=size, annotations=notes)


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ([layer("disk.raw")], 0),
        ([layer("README.md"), layer("disk.qcow2.zst")], 1),
        ([layer("a.txt", "text/plain"), layer("", "application/x-qemu-disk")], 1),
        ([layer("Disk.IMG.gz"), layer("", "application/vnd.x.raw")], 0),
        ([layer("", "application/octet-stream")], 0),
    ],
)
def test_the_disk_is_found_by_title_then_type_then_as_the_only_blob(
    layers: list[Descriptor], chosen: int
) -> None:
    assert choose_disk(layers, "oci://r/a") is layers[chosen]


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [layer()],
        [layer("a.raw"), layer("b.raw")],
        [layer("a.txt", "text/plain"), layer("b.txt", "text/plain")],
        [layer("", "application/x-raw"), layer("", "application/x-qcow2")],
    ],
)
def test_no_disk_or_two_are_refused(layers: list[Descriptor]) -> None:
    with pytest.raises(ImageError, match="exactly one blob must be a raw or qcow2 disk"):
        choose_disk(layers, "oci://r/a")


def entry(architecture: str | None, disk_type: str | None = None) -> Descriptor:
    platform = None if architecture is None else Platform(architecture=architecture, os="linux")
    notes = {"disktype": disk_type} if disk_type else None
    return Descriptor(
        media_type=MANIFEST, digest=DIGEST, size=1, platform=platform, annotations=notes
    )


def test_an_index_is_searched_by_processor_and_kind_of_disk() -> None:
    entries = [entry("arm64"), entry("amd64", "hyperv"), entry("amd64", "qcow2.zst")]
    assert choose_manifest(entries, "x86_64", "oci://r/a") is entries[2]
    assert choose_manifest(entries, "aarch64", "oci://r/a") is entries[0]
    assert choose_manifest([entry(None)], "riscv64", "oci://r/a").digest == DIGEST


@pytest.mark.parametrize("entries", [[], [entry("arm64")], [entry("amd64"), entry(None)]])
def test_an_index_without_exactly_one_answer_is_refused(entries: list[Descriptor]) -> None:
    with pytest.raises(
        ImageError, match=r"artifacts for amd64, one is wanted; name one by its digest"
    ):
        choose_manifest(entries, "x86_64", "oci://r/a")


def manifest(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2} | fields).encode()


@pytest.mark.parametrize(
    ("body", "digest", "reason"),
    [
        (manifest(), DIGEST, "the manifest's sha256 is"),
        (manifest(), "sha1:abc", "no sha256 or sha512 digest"),
        (b"<html>", None, "malformed manifest"),
        (b"\xff\xfe", None, "malformed manifest"),
        (
            manifest(layers=[{"mediaType": "x", "digest": 5, "size": 1}]),
            None,
            r"layers\[0\]\.digest",
        ),
        (manifest(layers=[{"mediaType": "x", "digest": "y"}]), None, "size"),
        (manifest(schemaVersion=1), None, "schema version 1"),
    ],
)
def test_a_manifest_that_is_not_what_it_should_be_is_refused(
    body: bytes, digest: str | None, reason: str
) -> None:
    with pytest.raises(ImageError, match=reason):
        parse_manifest(body, digest, "oci://r/a")


def test_a_digest_is_checked_to_the_last_digit() -> None:
    assert parse_digest("sha512:" + "0f" * 64, "x").algorithm == "sha512"
    for text in ("sha256:" + "A1" * 32, "sha256:" + "a1" * 31, "md5:" + "a1" * 16, "a1" * 32, ""):
        with pytest.raises(ImageError, match="no sha256 or sha512 digest"):
            parse_digest(text, "x")


def test_a_container_is_chosen_beside_the_disks_of_its_index() -> None:
    disk, container, other = entry("amd64", "qcow2"), entry("amd64"), entry("arm64")
    assert choose_container([disk, container, other], "x86_64", "oci://r/a") is container
    with pytest.raises(ImageError, match="index with 0 artifacts for amd64"):
        choose_container([disk, other], "x86_64", "oci://r/a")


def test_only_layers_make_a_container() -> None:
    check_container([layer(), layer(media_type=f"{LAYER}+gzip")], "oci://r/a")
    for layers in ([], [layer(), layer("", "application/x-qemu-disk")], [layer("disk.raw")]):
        with pytest.raises(ImageError, match=r"no container image.*deploy interface direct"):
            check_container(layers, "oci://r/a")
