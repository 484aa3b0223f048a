import pytest

from controller.errors import Invalid
from controller.images.config_drive import build_config_drive


def build(value: object) -> str:
    return build_config_drive(value, node_uuid="u", node_name=None)  # type: ignore[arg-type]


def test_text_is_passed_on() -> None:
    assert build("https://server/drive.iso") == "https://server/drive.iso"
    assert build("aGVsbG8=") == "aGVsbG8="


def test_what_cannot_be_a_config_drive_is_refused() -> None:
    with pytest.raises(Invalid, match="empty"):
        build("")
    with pytest.raises(Invalid, match="neither a URL nor base64"):
        build("abc")
    with pytest.raises(Invalid, match="neither a URL nor base64"):
        build("\u00e9")
    with pytest.raises(Invalid, match="unknown keys: meta"):
        build({"meta": {}})
    with pytest.raises(Invalid, match="must be text or an object, not list"):
        build([1])


@pytest.mark.parametrize("meta_data", [5, [1], "x"])
def test_meta_data_that_is_no_object_is_refused(meta_data: object) -> None:
    with pytest.raises(Invalid, match=r"configdrive\.meta_data must be an object"):
        build({"meta_data": meta_data})
