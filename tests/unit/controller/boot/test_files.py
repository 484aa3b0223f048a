from pathlib import Path

import pytest

from controller.boot.files import find_boot_file, find_image
from controller.errors import Invalid, NotFound
from controller.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz").write_text("kernel")
    (tmp_path / "boot/other").write_text("another kernel")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/disk.raw").write_text("image")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "images/link").symlink_to(tmp_path / "secret")
    return Settings(
        state_directory=str(tmp_path),
        deploy_kernel="boot/vmlinuz",
        image_directory=str(tmp_path / "images"),
    )


def test_a_relative_setting_is_below_the_state_directory(
    settings: Settings, tmp_path: Path
) -> None:
    assert find_boot_file("kernel", {}, settings).path == tmp_path / "boot/vmlinuz"


def test_a_nodes_own_kernel_wins_and_may_be_a_url(settings: Settings) -> None:
    file = find_boot_file("kernel", {"deploy_kernel": "https://example.org/k"}, settings)
    assert file.url == "https://example.org/k"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_nodes_own_file_may_lie_beside_the_configured_one(
    settings: Settings, tmp_path: Path, scheme: str
) -> None:
    file = find_boot_file("kernel", {"deploy_kernel": f"{scheme}{tmp_path}/boot/other"}, settings)
    assert file.path == tmp_path / "boot/other"


@pytest.mark.parametrize("name", ["secret", "boot/../secret", "images/link"])
def test_a_node_cannot_publish_any_file_of_the_controllers_machine(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Invalid, match="outside of the folders"):
        find_boot_file("kernel", {"deploy_kernel": f"{tmp_path}/{name}"}, settings)


@pytest.mark.parametrize(
    ("driver_info", "words"),
    [
        ({}, "no deploy_ramdisk: set driver_info/deploy_ramdisk"),
        ({"deploy_ramdisk": "4a1b"}, "give an http"),
        ({"deploy_ramdisk": "http://x:y/a"}, "its port is no number"),
    ],
)
def test_a_ramdisk_that_cannot_be_served_is_explained(
    settings: Settings, driver_info: dict[str, str], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        find_boot_file("ramdisk", driver_info, settings)


def test_a_missing_file_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"there is no file .*/boot/gone"):
        find_boot_file("kernel", {"deploy_kernel": f"{tmp_path}/boot/gone"}, settings)


def test_an_image_is_found_below_its_folder(settings: Settings, tmp_path: Path) -> None:
    assert find_image("disk.raw", settings) == tmp_path / "images/disk.raw"


@pytest.mark.parametrize("name", ["../secret", "link", "", "/etc/passwd", "gone"])
def test_nothing_outside_of_the_image_folder_is_an_image(settings: Settings, name: str) -> None:
    with pytest.raises(NotFound):
        find_image(name, settings)
