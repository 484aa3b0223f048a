"""Image servers are verified: by the ramdisk's authorities, the operator's, or nobody when the operator says so."""

import base64
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import ImageDownloadError, SettingError
from agent.hardware.image_rules import ImageRules
from agent.images.operator_rules import tls_context, writer_settings
from agent.images.sources import http
from agent.images.sources.http import Access
from agent.images.sources.source import HttpSource, RetryPolicy
from agent.protocol.image_rules import basic_authorization
from tests.integration.disk_images import run
from tests.integration.image_server import ImageServer, image_server
from tests.integration.scripted_server import Asked, head, scripted_server

ONCE = RetryPolicy(tries=1)


@dataclass(frozen=True, kw_only=True)
class Secured:
    """An https server and the authority that signed its certificate."""

    server: ImageServer
    authority: Path

    def url(self, name: str) -> str:
        return self.server.url(name).replace("http://127.0.0.1", "https://localhost")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    key, own = ("-newkey", "rsa:2048", "-nodes"), ("-x509", "-days", "2")
    ca_files = ("-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    run("openssl", "req", *own, *key, "-subj", "/CN=authority", *ca_files)
    signed = ("-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key")
    named = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    leaf = ("-addext", "basicConstraints=critical,CA:FALSE")
    files = ("-keyout", f"{folder}/server.key", "-out", f"{folder}/server.pem")
    run("openssl", "req", *own, *key, *signed, *named, *leaf, *files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    with image_server() as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.serve("i", b"image" * 1000)
        yield Secured(server=server, authority=folder / "ca.pem")


def read(url: str, rules: ImageRules) -> bytes:
    source = HttpSource(url, Access(tls=tls_context(rules)), ONCE)
    room = memoryview(bytearray(10_000))
    count = source.read_into(room)
    source.disconnect()
    return bytes(room[:count])


def test_an_unknown_authority_is_refused_at_once_and_by_name(secured: Secured) -> None:
    with pytest.raises(ImageDownloadError, match=r"certificate is not trusted.*image_ca"):
        read(secured.url("i"), ImageRules())


def test_the_operators_authority_is_trusted_as_a_file_or_as_text(secured: Secured) -> None:
    for rules in (
        ImageRules(ca_files=(str(secured.authority),)),
        ImageRules(ca_pem=secured.authority.read_text()),
    ):
        assert read(secured.url("i"), rules) == b"image" * 1000


def test_a_certificate_for_another_name_is_refused(secured: Secured) -> None:
    rules = ImageRules(ca_files=(str(secured.authority),))
    with pytest.raises(ImageDownloadError, match="certificate is not trusted"):
        read(secured.url("i").replace("localhost", "127.0.0.1"), rules)


def test_no_verification_works_and_is_said_aloud(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert read(secured.url("i"), ImageRules(verify_tls=False)) == b"image" * 1000
    assert "certificates of image servers are not verified" in caplog.text


@pytest.mark.parametrize("rules", [ImageRules(ca_files=("/none.pem",)), ImageRules(ca_pem="x")])
def test_authorities_that_cannot_be_read_are_named(rules: ImageRules) -> None:
    with pytest.raises(SettingError, match=r"/none\.pem: cannot be read|image_ca: not a usable"):
        writer_settings(rules)


def test_a_redirect_from_https_to_http_is_refused_also_behind_an_upgrade(secured: Secured) -> None:
    secured.server.serve("down", b"", location=secured.server.url("i"))
    access = Access(tls=tls_context(ImageRules(ca_files=(str(secured.authority),))))
    with pytest.raises(ImageDownloadError, match="redirected from https to http"):
        http.get(secured.url("down"), access)

    def script(_asked: Asked) -> Iterator[bytes]:
        yield head("302 Found", Location=secured.url("down"), Content_Length=0)

    with (
        scripted_server(script) as plain,
        pytest.raises(ImageDownloadError, match="redirected from https to http"),
    ):
        http.get(plain.url, access)


def test_credentials_follow_no_redirect_to_another_port_or_host(secured: Secured) -> None:
    secured.server.requests.clear()

    def script(asked: Asked) -> Iterator[bytes]:
        secret = base64.b64encode(b"tux:sesame").decode()
        assert f"Authorization: Basic {secret}" in asked.text
        yield head("302 Found", Location=secured.url("i"), Content_Length=0)

    access = Access(tls=tls_context(ImageRules(ca_files=(str(secured.authority),))))
    with scripted_server(script) as plain:
        http.get(plain.url.replace("//", "//tux:sesame@"), access).close()
        url = plain.url.replace("127.0.0.1", "localhost")
        given = basic_authorization("tux", "sesame")
        http.get(url, Access(tls=access.tls, authorization=given, authorized_url=url)).close()
    assert [request.authorization for request in secured.server.requests] == [None, None]
