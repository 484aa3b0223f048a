"""Config drives are checked before they are stored; what an agent would refuse is refused here."""

import base64
import gzip

import pytest

from controller.errors import Invalid
from controller.images.config_drive import build_config_drive

ISO = bytes(0x8001) + b"CD001" + bytes(1000)


def build(value: object) -> str:
    return build_config_drive(value, node_uuid="u", node_name=None, timeout_s=60)  # type: ignore[arg-type]


def test_text_is_passed_on() -> None:
    assert build("https://server/drive.iso") == "https://server/drive.iso"
    assert build("HTTPS://server/my drive.iso") == "https://server/my%20drive.iso"


def test_what_cannot_be_a_config_drive_is_refused() -> None:
    with pytest.raises(Invalid, match="empty"):
        build("")
    with pytest.raises(Invalid, match="neither base64 nor a filesystem"):
        build("#cloud-config")
    with pytest.raises(Invalid, match="no Unicode"):
        build({"user_data": "\ud83d"})
    with pytest.raises(Invalid, match="unknown keys: meta"):
        build({"meta": {}})
    with pytest.raises(Invalid, match="must be text or an object, not list"):
        build([1])


@pytest.mark.parametrize("meta_data", [5, [1], "x"])
def test_meta_data_that_is_no_object_is_refused(meta_data: object) -> None:
    with pytest.raises(Invalid, match=r"configdrive\.meta_data"):
        build({"meta_data": meta_data})


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("file:///etc/passwd", "use http or https"),
        (text(gzip.compress(b"x" * 5000))[:40], "gzip data is cut off"),
        (text(b"\x1f\x8b" + bytes(20)), "gzip data is damaged"),
        (text(gzip.compress(bytes((64 << 20) + 1), 1)), "more than 67108864"),
        ({"network_data": []}, "configdrive.network_data is no object"),
    ],
    ids=["file", "cut off", "damaged", "too large", "list"],
)
def test_what_no_agent_could_use_is_refused(value: object, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        build(value)


def test_a_compressed_drive_is_passed_on_as_it_is() -> None:
    drive = text(gzip.compress(ISO))
    assert build(drive) == drive
    assert build(drive.rstrip("=")) == drive


def test_a_bare_drive_is_packed_for_agents_that_want_it_so() -> None:
    assert gzip.decompress(base64.b64decode(build(text(ISO)))) == ISO
