"""The self-signed certificate of the agent's API, made with the ``openssl`` program.

The controller gets it with every heartbeat (``agent_verify_ca``) and trusts nothing else. ``openssl ca`` is used because
``openssl req`` cannot set the begin of the validity before OpenSSL 3.4 and the controller's clock may be behind ours.
"""

import ipaddress
import logging
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.errors import CommandFailed
from agent.system.runner import Runner
from agent.system.state_files import write_private

log = logging.getLogger(__name__)
LIFETIME = timedelta(days=30)
_OPENSSL_TIMEOUT_S = 60
_COMMON_NAME_CHARACTERS = 64  # X.520 upper bound
_LEFT_S = "86400"
_CURVES = {"p256": "P-256", "p384": "P-384", "p521": "P-521"}
_CONFIGURATION = """\
[ca]
default_ca = own
[own]
database = {directory}/index
new_certs_dir = {directory}
default_md = sha512
policy = anything
rand_serial = yes
unique_subject = no
x509_extensions = server
[anything]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = {common_name}
[server]
subjectAltName = critical, {alternative}
basicConstraints = critical, CA:TRUE
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files of a certificate and its key, and the certificate's PEM text."""

    certificate_path: Path
    key_path: Path
    pem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateWish:
    """What a certificate shall be good for; ``address`` is an IP address or a host name."""

    common_name: str
    address: str
    curve: str
    clock_skew_s: int


def obtain_certificate(
    wish: CertificateWish, directory: Path, runner: Runner, now: datetime
) -> Certificate:
    """Return the certificate of an earlier process that is still good for ``wish.address``, or make one.

    A restarted agent keeps its certificate: the controller trusts the old one until its next heartbeat is worked off.

    Raises:
        CommandFailed: ``openssl`` is missing or failed.
    """
    stem = f"api-{wish.address.replace(':', '-')}-{wish.curve}"
    paths = directory / f"{stem}.crt", directory / f"{stem}.key"
    if all(path.is_file() for path in paths) and _is_good_for_a_day(paths[0], runner):
        log.debug("kept the certificate", extra={"certificate": str(paths[0])})
    else:
        _make(wish, paths[0], paths[1], runner, now)
    return Certificate(certificate_path=paths[0], key_path=paths[1], pem=paths[0].read_text())


def _is_good_for_a_day(path: Path, runner: Runner) -> bool:
    argv = ("openssl", "x509", "-in", str(path), "-noout", "-checkend", _LEFT_S)
    try:
        runner.run(*argv, timeout_s=_OPENSSL_TIMEOUT_S)
    except CommandFailed:
        return False
    return True


def _make(
    wish: CertificateWish, certificate: Path, key: Path, runner: Runner, now: datetime
) -> None:
    write_private(key, b"")  # exists for the owner alone before openssl writes into it
    with tempfile.TemporaryDirectory(dir=key.parent, prefix="ca-") as folder:
        work = Path(folder)
        configuration, request, made = work / "ca.cnf", work / "request.pem", work / "made.pem"
        (work / "index").touch()
        configuration.write_text(
            _CONFIGURATION.format(
                directory=work,
                common_name=wish.common_name[:_COMMON_NAME_CHARACTERS],
                alternative=_alternative_name(wish.address),
            )
        )
        config = ("-config", str(configuration), "-batch")
        curve = ("-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{_CURVES[wish.curve]}")
        runner.run(
            "openssl", "req", "-new", *config, *curve, "-noenc", "-keyout", str(key),
            "-out", str(request), timeout_s=_OPENSSL_TIMEOUT_S,
        )  # fmt: skip
        begin, end = now - timedelta(seconds=wish.clock_skew_s), now + LIFETIME
        runner.run(
            "openssl", "ca", "-selfsign", *config, "-notext",
            "-keyfile", str(key), "-in", str(request), "-out", str(made),
            "-startdate", _openssl_time(begin), "-enddate", _openssl_time(end),
            timeout_s=_OPENSSL_TIMEOUT_S,
        )  # fmt: skip
        write_private(certificate, made.read_bytes())
    log.debug("made a certificate", extra={"address": wish.address, "until": end.isoformat()})


def _openssl_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")


def _alternative_name(address: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(address)}"
    except ValueError:
        return f"DNS:{address}"
