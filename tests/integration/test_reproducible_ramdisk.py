"""The ramdisk is built twice from nothing and is the same, byte for byte. Takes minutes: ``pytest -m long``."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.long, pytest.mark.root, pytest.mark.timeout(7200)]


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: chroot and mounts")
    found = []
    for turn in ("one", "two"):
        output = tmp_path / turn
        words = ("--fresh", "--name", "same", "--iso", "--uki", "--output", output)
        subprocess.run((ROOT / "image-build/build-ramdisk", *words), check=True, timeout=3000)
        files = sorted(file for file in output.iterdir() if file.is_file())
        found.append({f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files})
    assert found[0] == found[1]
    assert set(found[0]) == {"same.efi", "same.initramfs", "same.iso", "same.vmlinuz"}
