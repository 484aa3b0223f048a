import ssl
from pathlib import Path

import pytest

from controller.bmc.redfish_target import parse_target
from controller.bmc.redfish_wire import DeadlineAdapter
from controller.bmc.trust import trust
from controller.peers import connections
from controller.peers.pinned import PinnedTls, digest


def context_of(address: str, verify: object) -> object:
    """Return what a BMC's connections are made with."""
    target = parse_target({"redfish_address": address, "redfish_verify_ca": verify})
    manager = DeadlineAdapter(target)._door._manager
    return manager.connection_pool_kw["ssl_context"]


@pytest.mark.parametrize("verify", [True, False, "folder"])
def test_bmcs_that_trust_the_same_share_one_context(tmp_path: Path, verify: object) -> None:
    """The system's authorities take a megabyte, and a controller may have ten thousand BMCs."""
    verify = str(tmp_path) if verify == "folder" else verify
    assert context_of("192.0.2.1", verify) is context_of("192.0.2.2", verify)


def test_the_systems_authorities_are_those_of_all_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trust(True)
    assert first is connections.direct(None).connection_pool_kw["ssl_context"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert trust(True) is not first


def test_who_trusts_anybody_reads_no_authorities() -> None:
    context = trust(False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert context.cert_store_stats()["x509"] == 0


def test_what_is_named_but_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        trust(str(tmp_path / "absent"))


BAD = "-----BEGIN CERTIFICATE-----\nMIIB$$$A\nabcde\n-----END CERTIFICATE-----\n"
"""No base64."""


def own(path: Path) -> frozenset[bytes]:
    """Return the digests of the certificates that are trusted whatever their names."""
    context = trust(str(path))
    assert isinstance(context, PinnedTls)
    return context.own


def test_a_bad_file_in_a_folder_takes_no_trust_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text(BAD + ssl.DER_cert_to_PEM_cert(b"beside a bad one"))
    (tmp_path / "good.pem").write_text(ssl.DER_cert_to_PEM_cert(b"one"))
    (tmp_path / "gone.pem").symlink_to(tmp_path / "absent")
    assert own(tmp_path) == {digest(b"beside a bad one"), digest(b"one")}


def test_a_bad_file_that_is_named_is_an_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text(BAD)
    with pytest.raises(ssl.SSLError):
        trust(str(bad))


def test_a_certificate_that_is_overwritten_in_its_place_counts_at_once(tmp_path: Path) -> None:
    one = tmp_path / "bmc.pem"
    for content in (b"before", b"after it"):
        one.write_text(ssl.DER_cert_to_PEM_cert(content))
        assert own(tmp_path) == {digest(content)}
    assert trust(str(tmp_path)) is trust(str(tmp_path))
