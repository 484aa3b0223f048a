"""The NVRAM of OVMF, as a BMC changes it; that the firmware takes it is seen in ``tests/e2e/test_virtual_media.py``."""

import shutil
from pathlib import Path

import pytest

from tests.lab import nvram
from tests.lab.errors import LabError
from tests.lab.hardware import SECURE_VARIABLES, UEFI_VARIABLES


def valid(file: Path) -> dict[str, bytes]:
    """Return the firmware's own variables that are not deleted, as a reader of the flash finds them."""
    data = bytearray(file.read_bytes())
    found = {}
    for place, name, after in nvram._variables(data):
        if name and data[place + 2] == 0x3F:
            label = name.decode("utf-16-le").rstrip("\0")
            assert label not in found
            found[label] = bytes(data[place:after])
    return found


@pytest.mark.parametrize("source", [UEFI_VARIABLES, SECURE_VARIABLES])
def test_the_last_address_is_the_only_one_and_other_variables_stay(
    tmp_path: Path, source: Path
) -> None:
    file = tmp_path / "nvram"
    shutil.copyfile(source, file)
    before = valid(file)
    for name in ("one", "another"):
        nvram.boot_address_next(file, f"http://192.0.2.1/{name}.iso")
    after = valid(file)
    assert b"http://192.0.2.1/another.iso\x7f\xff\x04\x00" in after["Boot1B60"]
    assert after["BootNext"].rstrip(b"\xff").endswith(b"\x60\x1b")
    assert {name: after[name] for name in before} == before
    assert file.stat().st_size == source.stat().st_size


def test_a_full_nvram_is_said(tmp_path: Path) -> None:
    file = tmp_path / "nvram"
    shutil.copyfile(UEFI_VARIABLES, file)
    address = "http://192.0.2.1/" + "x" * 60_000
    for _ in range(4):
        nvram.boot_address_next(file, address)
    with pytest.raises(LabError, match="full"):
        nvram.boot_address_next(file, address)


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nvram"
    file.write_bytes(bytes(70_000))
    with pytest.raises(LabError, match="no NVRAM"):
        nvram.boot_address_next(file, "http://192.0.2.1/")
