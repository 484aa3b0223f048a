from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.errors import CommandFailed
from agent.system.certificate import CertificateWish, obtain_certificate
from tests.unit.fakes import FakeRunner

WISH = CertificateWish(common_name="ingot", address="fd00::1", curve="p384", clock_skew_s=3600)


def test_a_certificate_of_an_earlier_process_is_kept(tmp_path: Path) -> None:
    certificate, key = tmp_path / "api-fd00--1-p384.crt", tmp_path / "api-fd00--1-p384.key"
    certificate.write_text("PEM")
    key.write_text("KEY")
    runner = FakeRunner({f"openssl x509 -in {certificate} -noout -checkend 86400": ""})
    kept = obtain_certificate(WISH, tmp_path, runner, datetime.now(UTC))
    assert (kept.pem, kept.key_path) == ("PEM", key)


def test_a_missing_openssl_is_an_error(tmp_path: Path) -> None:
    class NoPrograms(FakeRunner):
        def run(self, *argv: str, **_: object) -> object:  # type: ignore[override]
            raise CommandFailed(f"{argv[0]}: program not found")

    with pytest.raises(CommandFailed, match="openssl: program not found"):
        obtain_certificate(WISH, tmp_path, NoPrograms({}), datetime.now(UTC))  # type: ignore[arg-type]
