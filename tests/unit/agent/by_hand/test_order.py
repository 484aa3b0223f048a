import base64
from pathlib import Path

import pytest

from agent.by_hand.order import Order, make_order
from agent.cli import build_parser
from agent.errors import InvalidRequest
from agent.images.proof.witness import Verification

URL = "http://web/debian%2012.qcow2"


def order(*more: str, checksum: str = "sha256:ab12") -> Order:
    words = ["write-image", "--url", URL, "--checksum", checksum, "--disk", "/dev/sdz", *more]
    return make_order(build_parser().parse_args(words), "sample")


def test_a_checksum_names_its_algorithm() -> None:
    image = order().image
    assert (image.os_hash_algo, image.os_hash_value, image.checksum) == ("sha256", "ab12", None)
    assert image.id == "debian 12.qcow2"
    assert order().checksum_from == "the command line"


def test_a_checksum_may_be_the_address_of_a_file() -> None:
    made = order(checksum="https://web/SHA256SUMS")
    assert made.image.checksum == "https://web/SHA256SUMS"
    assert made.checksum_from == "the checksum file that was named"
    named = order(checksum="sha512:https://web/SUMS").image
    assert (named.os_hash_algo, named.os_hash_value) == ("sha512", "https://web/SUMS")


def test_an_empty_checksum_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="--checksum is empty"):
        order(checksum="")


def test_several_addresses_are_tried_in_their_order() -> None:
    assert order("--url", "http://two/i").image.urls == [URL, "http://two/i"]


def test_the_setting_decides_how_much_is_read_back_unless_the_flag_does() -> None:
    assert order().verify is Verification.SAMPLE
    assert order("--read-back", "whole").verify is Verification.WHOLE


def test_a_config_drive_is_a_file_or_an_address(tmp_path: Path) -> None:
    file = tmp_path / "drive"
    assert order("--config-drive", "http://web/drive").configdrive == "http://web/drive"
    for content in (b"\x1f\x8b\x08xyz", b"CD001\0\0"):
        file.write_bytes(content)
        text = order("--config-drive", str(file)).configdrive
        assert text is not None
        assert base64.b64decode(text) == content
    file.write_bytes(b"H4sIAAAA\n")
    assert order("--config-drive", str(file)).configdrive == "H4sIAAAA\n"


def test_to_look_and_to_compare_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        order("--dry-run", "--verify-only")
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
