"""Which certificates of BMCs are trusted, and what is advised of each that is not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from urllib3.util.ssl_match_hostname import CertificateError

from controller.bmc.amt import AmtDriver
from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from controller.errors import BmcUnreachable, ControllerError
from controller.peers.pinned import check_name
from tests.integration.test_clocks import dated_server
from tests.lab.program import run

S = 10.0
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")


class Certificates:
    """An authority, and a certificate of it for a name."""

    def __init__(self, folder: Path, name: str) -> None:
        self.authority, self.own, self.key = (folder / n for n in ("ca.crt", "bmc.crt", "bmc.key"))
        ca_key = folder / "ca.key"
        ca_files = ("-keyout", str(ca_key), "-out", str(self.authority))
        run("openssl", "req", "-x509", *KEY, "-subj", "/CN=authority", *ca_files)
        signed = ("-CA", str(self.authority), "-CAkey", str(ca_key), "-subj", f"/CN={name}")
        named = ("-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=CA:FALSE")
        files = ("-keyout", str(self.key), "-out", str(self.own))
        run("openssl", "req", "-x509", *KEY, *signed, *named, *files)


class _Silent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(certificates: Certificates) -> Iterator[str]:
    """Give the address of a server with the certificate, that has nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.own, certificates.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Silent)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def redfish(address: str, trusted: str) -> str:
    """Return what a call to a Redfish BMC fails with."""
    driver = RedfishDriver(Sessions())
    info = {"redfish_address": f"https://{address}", "redfish_auth_type": "basic"}
    info |= {"redfish_username": "u", "redfish_password": "p", "redfish_verify_ca": trusted}
    with pytest.raises(Exception, match=address) as raised:
        driver.connect(info).power_state(timeout_s=S)
    driver.close()
    return str(raised.value)


def amt(address: str, trusted: str) -> str:
    """Return what a call to an AMT fails with."""
    info = {"amt_address": address, "amt_protocol": "https", "amt_verify_ca": trusted}
    info |= {"amt_username": "u", "amt_password": "p"}
    with pytest.raises(Exception, match=address) as raised:
        AmtDriver().connect(info).power_state(timeout_s=S)
    return str(raised.value)


def look_redfish(trusted: str) -> None:
    """Ask a Redfish BMC that is not there."""
    info = {"redfish_address": "https://127.0.0.1:9", "redfish_verify_ca": trusted}
    login = {"redfish_username": "u", "redfish_password": "p"}
    RedfishDriver(Sessions()).connect(info | login).power_state(timeout_s=S)


def look_amt(trusted: str) -> None:
    """Ask an AMT that is not there."""
    info = {"amt_address": "127.0.0.1", "amt_protocol": "https", "amt_verify_ca": trusted}
    login = {"amt_username": "u", "amt_password": "p"}
    AmtDriver().connect(info | login).power_state(timeout_s=S)


CONNECT = {"redfish_verify_ca": look_redfish, "amt_verify_ca": look_amt}
BOTH = pytest.mark.parametrize(
    ("ask", "key"), [(redfish, "redfish_verify_ca"), (amt, "amt_verify_ca")]
)
Ask = Callable[[str, str], str]


@BOTH
def test_the_very_certificate_is_trusted_whatever_its_name(
    tmp_path: Path, ask: Ask, key: str
) -> None:
    made = Certificates(tmp_path, "idrac-ABC123")
    with served(made) as address:
        assert "404" in ask(address, str(made.own)), "it is spoken to"


@BOTH
def test_an_authority_is_trusted_for_the_right_name_alone(
    tmp_path: Path, ask: Ask, key: str
) -> None:
    other, right = tmp_path / "other", tmp_path / "right"
    other.mkdir()
    right.mkdir()
    made = Certificates(other, "idrac-ABC123")
    with served(made) as address:
        said = ask(address, str(made.authority))
    assert "has a TLS certificate for another name" in said
    assert f"give that very certificate as {key}" in said
    made = Certificates(right, "localhost")
    with served(made) as address:
        assert "404" in ask(address.replace("127.0.0.1", "localhost"), str(made.authority))


@BOTH
def test_a_foreign_certificate_is_refused_with_the_key_that_trusts_it(
    tmp_path: Path, ask: Ask, key: str
) -> None:
    shown, foreign = tmp_path / "shown", tmp_path / "foreign"
    shown.mkdir()
    foreign.mkdir()
    with served(Certificates(shown, "bmc")) as address:
        said = ask(address, str(Certificates(foreign, "bmc").own))
    assert "has another TLS certificate than the one that is trusted" in said
    assert said.endswith(f"give its certificate or authority as {key}")


@BOTH
def test_one_that_has_expired_is_to_be_renewed(tmp_path: Path, ask: Ask, key: str) -> None:
    with dated_server(tmp_path, timedelta(days=-9), timedelta(days=-2)) as (url, own):
        said = ask(url.removeprefix("https://"), str(own))
    assert "has a TLS certificate that has expired" in said
    assert "renew the certificate" in said
    assert key not in said


@BOTH
@pytest.mark.parametrize("name", ["*", "local*"])
def test_a_wildcard_for_any_machine_of_a_site_is_for_none(
    tmp_path: Path, ask: Ask, key: str, name: str
) -> None:
    made = Certificates(tmp_path, name)
    with served(made) as address:
        said = ask(address.replace("127.0.0.1", "localhost"), str(made.authority))
    assert "has a TLS certificate for another name" in said


HOSTS = (
    "localhost",
    "a.example",
    "bmc.example",
    "a.bmc.example",
    "b1.bmc.example",
    "a.b.bmc.example",
)


@pytest.mark.parametrize(
    "name",
    [
        *("bmc.example", "*.bmc.example", "*.example", "*", "local*", "b*.bmc.example"),
        *("*b1.bmc.example", "*.*.example", "a.*.example", "**.bmc.example"),
    ],
)
def test_names_are_checked_as_openssl_checks_them(tmp_path: Path, name: str) -> None:
    made = Certificates(tmp_path, name)
    ours, theirs = {}, {}
    with served(made) as address:
        for host in HOSTS:
            theirs[host] = is_taken(partial(shown, made, address, host, is_checked=True))
            certificate = shown(made, address, host, is_checked=False)
            ours[host] = is_taken(partial(check_name, certificate, host))
    assert ours == theirs


def shown(made: Certificates, address: str, host: str, *, is_checked: bool) -> Mapping[str, object]:
    """Return the certificate of a server that is asked by a name, which OpenSSL checks or not."""
    context = ssl.create_default_context(cafile=str(made.authority))
    context.check_hostname = is_checked
    where, port = address.split(":")
    with (
        socket.create_connection((where, int(port)), S) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        return encrypted.getpeercert() or {}


def is_taken(check: Callable[[], object]) -> bool:
    """Say whether a name is taken."""
    try:
        check()
    except (ssl.CertificateError, CertificateError):
        return False
    return True


BAD = "-----BEGIN CERTIFICATE-----\nMIIB$$$A\nabcde\n-----END CERTIFICATE-----\n"
"""No base64."""


@BOTH
def test_a_file_that_is_no_certificate_is_told_by_its_key_and_harms_no_folder(
    tmp_path: Path, ask: Ask, key: str
) -> None:
    made = Certificates(tmp_path, "idrac-ABC123")
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "a.pem").write_text(BAD)
    (trusted / "b.pem").write_bytes(made.own.read_bytes())
    digest = run("openssl", "x509", "-noout", "-hash", "-in", str(made.own)).strip()
    (trusted / f"{digest}.0").symlink_to("b.pem")
    with served(made) as address:
        assert "404" in ask(address, str(trusted))
    with pytest.raises(ControllerError, match=key):
        CONNECT[key](str(trusted / "a.pem"))


def test_the_errors_are_those_of_a_bmc_that_may_be_asked_again(tmp_path: Path) -> None:
    made = Certificates(tmp_path, "bmc")
    info = {"redfish_verify_ca": str(made.authority), "redfish_username": "u"}
    with served(made) as address, pytest.raises(BmcUnreachable):
        RedfishDriver(Sessions()).connect(
            {"redfish_address": address, "redfish_password": "p", **info}
        ).power_state(timeout_s=S)
