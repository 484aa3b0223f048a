"""Writing an image takes the same little memory whatever its size."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.disk_images import MIB, WRITE_PROGRAM, packed, run, sha256
from tests.integration.image_server import image_server
from tests.integration.loop_disk import loop_disk

pytestmark = pytest.mark.root
IMAGE_BYTES = 3 << 30
DATA_BYTES = 96 * MIB
LIMIT_KIB = 60 * 1024


@pytest.mark.parametrize("kind", ["qcow2", "compressed qcow2", "qcow2 without Range", "zstd"])
def test_a_large_image_is_written_in_less_than_60_mib(kind: str, tmp_path: Path) -> None:
    raw = tmp_path / "big.raw"
    with raw.open("wb") as file:
        file.truncate(IMAGE_BYTES)
        for start in range(2 * MIB, IMAGE_BYTES - DATA_BYTES, IMAGE_BYTES // 48):
            file.seek(start)
            file.write(b"some of it is text " * (2 * MIB // 19))
    run("sgdisk", "--clear", "-n", "1:2048:0", str(raw))
    file_packed = tmp_path / "packed"
    if kind == "zstd":
        run("zstd", "-q", str(raw), "-o", str(file_packed))
    else:
        options = ("-c",) if kind == "compressed qcow2" else ()
        run("qemu-img", "convert", "-O", "qcow2", *options, str(raw), str(file_packed))
    content = file_packed.read_bytes()
    with image_server() as server, loop_disk(tmp_path, IMAGE_BYTES + MIB, noise=False) as disk:
        url = server.serve("big", content, has_ranges="Range" not in kind)
        arguments = (url, sha256(content), str(disk.path))
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", WRITE_PROGRAM, *arguments, str(disk.size_bytes)],
            capture_output=True,
            text=True,
            cwd=root,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < LIMIT_KIB
        middle = 2 * MIB + 20 * (IMAGE_BYTES // 48)
        assert disk.read(middle, 38) == b"some of it is text " * 2


BOMB_PROGRAM = WRITE_PROGRAM.replace(
    "StreamingImageWriter(HostRunner())",
    "from agent.errors import ImageError\ntry:\n    StreamingImageWriter(HostRunner())",
).replace(
    "lambda _report: None)\n",
    "lambda _report: None)\nexcept ImageError as error:\n    print(error)\n",
)
"""Prints the refusal before the memory."""


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd", "bzip2"])
def test_a_small_file_that_unpacks_to_far_more_than_the_disk_is_refused_in_little_memory(
    kind: str, tmp_path: Path
) -> None:
    raw = tmp_path / "head.raw"
    with raw.open("wb") as file:
        file.truncate(4 * MIB)
    run("sgdisk", "--clear", "-n", "1:2048:4095", str(raw))
    zeros = packed(bytes(16 * MIB), kind)
    content = packed(raw.read_bytes(), kind) + zeros * 32
    assert len(content) < 3 * MIB
    with image_server() as server, loop_disk(tmp_path, 64 * MIB) as disk:
        arguments = (server.serve("bomb", content), sha256(content), str(disk.path))
        done = subprocess.run(
            [sys.executable, "-c", BOMB_PROGRAM, *arguments, str(disk.size_bytes)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
        )
        assert done.returncode == 0, done.stderr
        refusal, peak_kib = done.stdout.splitlines()
        assert f"larger than {disk.path}" in refusal
        assert int(peak_kib) < LIMIT_KIB
        assert disk.read(0, MIB) == bytes(MIB)
