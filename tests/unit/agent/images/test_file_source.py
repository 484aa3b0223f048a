"""Images in files come from allowed folders only, wherever links lead."""

import os
from pathlib import Path

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources.file_source import FileSource

CONTENT = bytes(range(256)) * 100


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / "disk.raw").write_bytes(CONTENT)
    (tmp_path / "secret").write_text("secret")
    return folder


def test_a_file_is_read_from_front_to_back_and_in_pieces(allowed: Path) -> None:
    source = FileSource(f"file://{allowed}/disk.raw", [allowed])
    room = memoryview(bytearray(1000))
    assert source.size_bytes == len(CONTENT)
    assert source.read_into(room) == 1000
    source.disconnect()
    assert source.read_at(500, 20) == CONTENT[500:520]
    assert source.read_into(room) == 1000
    assert bytes(room) == CONTENT[1000:2000]
    source.seek(len(CONTENT) - 10)
    assert source.read_into(room) == 10
    assert source.position == len(CONTENT)
    source.disconnect()


@pytest.mark.parametrize("url", ["file:{0}/disk.raw", "file://localhost{0}/disk.raw"])
def test_every_way_to_write_a_local_file_is_known(url: str, allowed: Path) -> None:
    FileSource(url.format(allowed), [allowed]).disconnect()


def test_an_allowed_folder_may_be_a_link_itself(allowed: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(allowed)
    FileSource(f"file://{tmp_path}/link/disk.raw", [tmp_path / "link"]).disconnect()


def test_no_folder_is_allowed_by_itself(allowed: Path) -> None:
    with pytest.raises(ImageDownloadError, match=r"not allowed here.*setting image_folders"):
        FileSource(f"file://{allowed}/disk.raw", [])


@pytest.mark.parametrize(
    "name", ["../secret", "link", "linked/secret", "%2e%2e/secret", "../stick2/disk.raw"]
)
def test_nothing_leads_out_of_the_folder(name: str, allowed: Path, tmp_path: Path) -> None:
    (allowed / "link").symlink_to("../secret")
    (allowed / "linked").symlink_to("..")
    (tmp_path / "stick2").mkdir()
    (tmp_path / "stick2/disk.raw").write_bytes(CONTENT)
    with pytest.raises(
        ImageDownloadError, match=r"not below a folder that is allowed.*image_folders"
    ):
        FileSource(f"file://{allowed}/{name}", [allowed])


@pytest.mark.parametrize("url", ["file://server/disk.raw", "file:disk.raw", "file:///disk?x=1"])
def test_what_is_no_local_file_is_refused(url: str, allowed: Path) -> None:
    with pytest.raises(ImageDownloadError, match="write file:///folder/image"):
        FileSource(url, [allowed])


def test_what_is_no_regular_file_is_refused(allowed: Path) -> None:
    os.mkfifo(allowed / "pipe")
    (allowed / "empty").touch()
    for name in ("pipe", "empty", ""):
        with pytest.raises(ImageDownloadError, match="empty or no regular file"):
            FileSource(f"file://{allowed}/{name}", [allowed])
    with pytest.raises(ImageDownloadError, match="No such file"):
        FileSource(f"file://{allowed}/gone", [allowed])


def test_a_file_that_changes_while_it_is_read_is_an_error(allowed: Path) -> None:
    source = FileSource(f"file://{allowed}/disk.raw", [allowed])
    room = memoryview(bytearray(1000))
    source.read_into(room)
    (allowed / "disk.raw").write_bytes(CONTENT[:1500])
    with pytest.raises(ImageDownloadError, match=r"changed while it was read, before byte 1500"):
        source.read_into(room)
    source.disconnect()
