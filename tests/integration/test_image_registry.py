"""Disk images come from a real registry: by tag and digest, anonymous, with a password, with tokens."""

import base64
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.http import Access
from agent.images.sources.opening import Opener, SourceRules
from agent.images.sources.source import RetryPolicy
from agent.images.sources.stream import ImageSource
from agent.protocol.checksum import Checksum
from agent.protocol.image_rules import basic_authorization
from tests.integration.disk_images import sha256
from tests.integration.image_server import image_server
from tests.integration.registry_process import (
    OCI_INDEX,
    RunningRegistry,
    descriptor_of,
    htpasswd_auth,
    registry,
    token_service,
)
from tests.integration.scripted_server import Asked, head, scripted_server

CONTENT = random.Random(9).randbytes(700_000)  # content of a test image
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
LOGIN = basic_authorization("tux", "sesame")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def anonymous(folder: Path) -> Iterator[RunningRegistry]:
    with registry(folder) as running:
        running.push_disk("images/debian", "12", CONTENT)
        yield running


def open_url(url: str, authorization: str | None = None) -> tuple[ImageSource, list[Checksum]]:
    published: list[Checksum] = []
    opener = Opener(
        access=Access(authorization=authorization),
        retry=RetryPolicy(tries=3, first_pause_s=0, sleep=lambda _s: None),
        rules=SourceRules(),
        notify=lambda _text: None,
        published=published,
    )
    return opener.open(url), published


def read_all(url: str, authorization: str | None = None) -> bytes:
    source, _ = open_url(url, authorization)
    content, room = bytearray(), memoryview(bytearray(100_000))
    with ExitStack() as clean_up:
        clean_up.callback(source.disconnect)
        while count := source.read_into(room):
            content += room[:count]
    return bytes(content)


def test_an_artifact_is_found_by_tag_and_its_digest_is_the_checksum(
    anonymous: RunningRegistry,
) -> None:
    url = f"oci://{anonymous.host}/images/debian:12"
    assert read_all(url) == CONTENT
    source, published = open_url(url)
    assert published == [Checksum(algorithm="sha256", digest=sha256(CONTENT))]
    assert source.has_ranges
    assert source.read_at(300_000, 100) == CONTENT[300_000:300_100]
    source.disconnect()


def test_an_artifact_is_found_by_digest_and_without_a_tag(anonymous: RunningRegistry) -> None:
    digest = anonymous.push_disk("images/newest", "latest", CONTENT, title="disk.qcow2.zst")
    assert read_all(f"oci://{anonymous.host}/images/newest@{digest}") == CONTENT
    assert read_all(f"oci://{anonymous.host}/images/newest") == CONTENT


def test_an_index_gives_the_artifact_for_this_processor(anonymous: RunningRegistry) -> None:
    name = "images/many"
    other = anonymous.manifest(name, {"disk.raw": b"other"})
    mine = anonymous.manifest(name, {"disk.raw": CONTENT})
    for manifest in (other, mine):
        anonymous.push_manifest(name, descriptor_of(manifest, "x")["digest"], manifest)
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            descriptor_of(other, "sparc"),
            descriptor_of(other, HERE, disktype="hyperv"),
            descriptor_of(mine, HERE, disktype="qemu"),
        ],
    }
    anonymous.push_manifest(name, "1", index)
    assert read_all(f"oci://{anonymous.host}/{name}:1") == CONTENT


def test_what_is_not_there_is_refused_by_name(anonymous: RunningRegistry) -> None:
    with pytest.raises(ImageDownloadError, match=r"images/debian/manifests/13: HTTP status 404"):
        open_url(f"oci://{anonymous.host}/images/debian:13")


def test_an_artifact_with_two_disks_is_refused_and_both_are_named(
    anonymous: RunningRegistry,
) -> None:
    files = {"a.raw": b"a" * 100, "b.qcow2": b"b" * 100, "notes.txt": b"c"}
    anonymous.push_manifest("images/two", "1", anonymous.manifest("images/two", files))
    with pytest.raises(ImageDownloadError, match=r"2 disk images.*a\.raw.*b\.qcow2.*notes\.txt"):
        open_url(f"oci://{anonymous.host}/images/two:1")


def test_a_container_image_is_no_disk(anonymous: RunningRegistry) -> None:
    manifest = anonymous.manifest("images/app", {"": b"layer"})
    anonymous.push_manifest("images/app", "1", manifest)
    with pytest.raises(ImageDownloadError, match=r"no disk image in this artifact.*layer\.v1\.tar"):
        open_url(f"oci://{anonymous.host}/images/app:1")


def test_a_registry_with_a_password_gets_it_and_tells_nothing_without(
    folder: Path, anonymous: RunningRegistry
) -> None:
    with registry(folder, htpasswd_auth(folder, "tux", "sesame")) as locked:
        url = f"oci://{locked.host}/images/debian:12"
        assert read_all(url, LOGIN) == CONTENT
        with pytest.raises(ImageDownloadError, match=r"without credentials.*image_pull_secret"):
            open_url(url)
        wrong = basic_authorization("tux", "wrong")
        with pytest.raises(ImageDownloadError, match="refuses the credentials") as caught:
            open_url(url, wrong)
        assert "wrong" not in str(caught.value)


def test_a_registry_with_tokens_gets_one_of_the_service_it_names(
    folder: Path, anonymous: RunningRegistry
) -> None:
    with (
        token_service(folder, "tux:sesame") as service,
        registry(folder, service.auth()) as locked,
    ):
        url = f"oci://{locked.host}/images/debian:12"
        assert read_all(url, LOGIN) == CONTENT
        assert service.asked == [
            ({"service": ["test-registry"], "scope": ["repository:images/debian:pull"]}, True)
        ]
        with pytest.raises(ImageDownloadError, match=r"/token.*401.*credentials"):
            open_url(url, basic_authorization("tux", "wrong"))
        bearer = f"Bearer {service.token('repository:images/debian:pull')}"
        assert read_all(url, bearer) == CONTENT
        assert len(service.asked) == 2


def test_an_anonymous_token_is_enough_where_the_service_gives_one(
    folder: Path, anonymous: RunningRegistry
) -> None:
    with token_service(folder) as service, registry(folder, service.auth()) as public:
        assert read_all(f"oci://{public.host}/images/debian:12") == CONTENT
        assert service.asked[0][1] is False


def test_a_token_that_expired_during_the_download_is_replaced(
    folder: Path, anonymous: RunningRegistry
) -> None:
    with token_service(folder) as service, registry(folder, service.auth()) as public:
        service.lifetime_s = -120  # the registry allows a minute of skew
        bad = service.token("repository:images/debian:pull")
        service.lifetime_s = 300
        source, _ = open_url(f"oci://{public.host}/images/debian:12")
        room = memoryview(bytearray(100_000))
        assert source.read_into(room) == 100_000
        source.disconnect()
        door = source._door  # type: ignore[attr-defined]  # the token is its secret
        door._access = type(door._access)(authorization=f"Bearer {bad}", authorized_url=door._base)
        assert source.read_into(room) == 100_000
        assert bytes(room) == CONTENT[100_000:200_000]
        source.disconnect()
        assert len(service.asked) == 2


def test_a_server_elsewhere_cannot_ask_for_the_credentials() -> None:
    asked_for_tokens = []

    def elsewhere(asked: Asked) -> Iterator[bytes]:
        asked_for_tokens.append(asked.text)
        asks = f'Bearer realm="http://{place}/token"'
        yield head("401 Unauthorized", WWW_Authenticate=asks, Content_Length=0)

    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("307 Temporary Redirect", Location=f"http://{place}/m", Content_Length=0)

    with scripted_server(elsewhere) as thief, scripted_server(script) as front:
        place = thief.url.split("/")[2]
        host = front.url.split("/")[2]
        with pytest.raises(ImageDownloadError, match="401"):
            open_url(f"oci://{host}/images/debian:12", LOGIN)
    assert len(asked_for_tokens) == 1
    assert "Authorization" not in asked_for_tokens[0]


def test_a_blob_that_lies_elsewhere_is_fetched_without_the_credentials() -> None:
    manifest = (
        b'{"schemaVersion":2,"layers":[{"mediaType":"application/x-raw","size":700000,"digest":"sha256:'
        + sha256(CONTENT).encode()
        + b'"}]}'
    )
    with image_server() as store:
        place = store.serve("blob", CONTENT).replace("127.0.0.1", "localhost")

        def script(asked: Asked) -> Iterator[bytes]:
            if "Authorization: Basic" not in asked.text:
                asks = 'Basic realm="here"'
                yield head("401 Unauthorized", WWW_Authenticate=asks, Content_Length=0)
            elif "/manifests/" in asked.text:
                yield head("200 OK", Content_Length=len(manifest)) + manifest
            else:
                yield head("307 Temporary Redirect", Location=place, Content_Length=0)

        with scripted_server(script) as front:
            host = front.url.split("/")[2]
            assert read_all(f"oci://{host}/images/debian:12", LOGIN) == CONTENT
        assert {request.authorization for request in store.requests} == {None}


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        ("200 OK", {"Docker_Content_Digest": f"sha256:{'0' * 64}"}, "the manifest's sha256 is"),
        (
            "401 Unauthorized",
            {"WWW_Authenticate": 'Bearer realm="http://x.invalid/t"'},
            "not https",
        ),
        ("401 Unauthorized", {"WWW_Authenticate": "Negotiate"}, "without credentials"),
        ("429 Too Many Requests", {}, "gave up after 3 tries.*429"),
    ],
)
def test_a_registry_that_cannot_be_trusted_or_used_is_refused(
    status: str, headers: dict[str, str], reason: str
) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield head(status, Content_Length=2, **headers) + b"{}"

    with scripted_server(script) as server:
        host = server.url.split("/")[2]
        with pytest.raises(ImageDownloadError, match=reason):
            open_url(f"oci://{host}/images/debian:12")


def test_a_password_of_the_url_is_base64_for_nobody(anonymous: RunningRegistry) -> None:
    secret = base64.b64encode(b"tux:sesame").decode()
    with pytest.raises(ImageDownloadError, match="image_pull_secret") as caught:
        open_url(f"oci://{secret}@{anonymous.host}/images/debian:12")
    assert secret not in str(caught.value)
