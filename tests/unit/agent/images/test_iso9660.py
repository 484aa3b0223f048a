"""The ISO 9660 reader finds every file under its name, and no number in an image leads it astray."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ConfigDriveError
from agent.images.config_drives.iso9660 import SECTOR_BYTES, read_files

DATA = Path(__file__).parents[3] / "data/iso9660"
FORMS = ("rock-ridge", "joliet", "plain")
IMAGES = {name: gzip.decompress((DATA / f"{name}.iso.gz").read_bytes()) for name in FORMS}
BEHIND_THE_PATH_TABLES = 22 * SECTOR_BYTES
BEFORE_THE_FILES = 16 * SECTOR_BYTES, 200 * SECTOR_BYTES


@pytest.mark.parametrize("form", FORMS)
def test_every_file_has_its_name_and_content(form: str) -> None:
    files = {file.path: file.data for file in read_files(IMAGES[form])}
    assert len(files) == 43
    assert files["openstack/latest/meta_data.json"] == b'{"hostname": "n1"}'
    assert files["openstack/latest/user_data"] == b"x" * 3000
    assert files["openstack/content/0040"] == b"file 40"
    (long_name,) = (path for path in files if "/nn" in path)
    assert files[long_name] == b"with a long name"
    if form == "rock-ridge":
        assert long_name == f"openstack/content/{'n' * 150}.json"


@settings(deadline=None, max_examples=400)
@given(
    form=st.sampled_from(FORMS),
    changes=st.lists(
        st.tuples(st.integers(*BEFORE_THE_FILES), st.binary(min_size=1, max_size=8)), max_size=6
    ),
    size=st.integers(0, 1 << 19),
)
def test_a_damaged_image_is_read_or_refused_and_never_leads_outside(
    form: str, changes: list[tuple[int, bytes]], size: int
) -> None:
    image = bytearray(IMAGES[form])
    for at, data in changes:
        image[at : at + len(data)] = data
    try:
        files = read_files(bytes(image[:size] if size % 7 == 0 else image))
    except ConfigDriveError:
        return
    assert sum(len(file.data) for file in files) <= len(image)
    for file in files:
        assert not set(file.path.split("/")) & {"", ".", ".."}


def patched(at: int, data: bytes) -> bytes:
    image = bytearray(IMAGES["plain"])
    image[at : at + len(data)] = data
    return bytes(image)


def record_at(name: bytes) -> int:
    """Return where the directory record with this name begins in the plain image, behind descriptors and path tables."""
    return IMAGES["plain"].index(name, BEHIND_THE_PATH_TABLES) - 33


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (IMAGES["plain"][: 16 * SECTOR_BYTES], "descriptors has no end"),
        (patched(16 * SECTOR_BYTES, b"\2"), "no primary"),
        (patched(16 * SECTOR_BYTES + 128, b"\0\4"), "do not have 2048 bytes"),
        (patched(record_at(b"0001") + 33, b"../x"), r"called '\.\./x'"),
        (patched(record_at(b"0001") + 2, b"\xff\xff\xff\x7f"), "beyond its end"),
        (patched(record_at(b"0001") + 10, b"\xff\xff\xff\x7f"), "larger than the whole image"),
        (patched(record_at(b"0001") + 25, b"\x80"), "several extents"),
        (patched(record_at(b"0001") + 26, b"\1"), "interleaved"),
        (patched(record_at(b"0001") + 32, b"\xff"), "cut off"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_is_wrong_is_said(image: bytes, message: str) -> None:
    with pytest.raises(ConfigDriveError, match=message):
        read_files(image)


def test_a_folder_that_holds_itself_has_an_end() -> None:
    root_extent = IMAGES["plain"][16 * SECTOR_BYTES + 158 :][:4]
    with pytest.raises(ConfigDriveError, match="nested deeper"):
        read_files(patched(record_at(b"openstack") + 2, root_extent))
