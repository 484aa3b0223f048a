"""Writing an image takes the same little memory whatever its size."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.disk_images import MIB, run, sha256
from tests.integration.image_server import image_server
from tests.integration.loop_disk import loop_disk

pytestmark = pytest.mark.root
IMAGE_BYTES = 3 << 30
DATA_BYTES = 96 * MIB
LIMIT_KIB = 60 * 1024
PROGRAM = """
import re, sys
from pathlib import Path
from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner

url, digest, path, size = sys.argv[1:]
disk = BlockDevice(
    path=Path(path), size_bytes=int(size), logical_sector_bytes=512, physical_sector_bytes=512, is_rotational=False
)
image = ImageInfo(id="big", urls=[url], checksum=digest)
StreamingImageWriter(HostRunner()).write_image(image, None, disk, lambda _report: None)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.parametrize("kind", ["qcow2", "compressed qcow2", "zstd"])
def test_a_large_image_is_written_in_less_than_60_mib(kind: str, tmp_path: Path) -> None:
    raw = tmp_path / "big.raw"
    with raw.open("wb") as file:
        file.truncate(IMAGE_BYTES)
        for start in range(2 * MIB, IMAGE_BYTES - DATA_BYTES, IMAGE_BYTES // 48):
            file.seek(start)
            file.write(b"some of it is text " * (2 * MIB // 19))
    run("sgdisk", "--clear", "-n", "1:2048:0", str(raw))
    packed = tmp_path / "packed"
    if kind == "zstd":
        run("zstd", "-q", str(raw), "-o", str(packed))
    else:
        options = ("-c",) if kind == "compressed qcow2" else ()
        run("qemu-img", "convert", "-O", "qcow2", *options, str(raw), str(packed))
    content = packed.read_bytes()
    with image_server() as server, loop_disk(tmp_path, IMAGE_BYTES + MIB, noise=False) as disk:
        arguments = (server.serve("big", content), sha256(content), str(disk.path))
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments, str(disk.size_bytes)],
            capture_output=True,
            text=True,
            cwd=root,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < LIMIT_KIB
        middle = 2 * MIB + 20 * (IMAGE_BYTES // 48)
        assert disk.read(middle, 38) == b"some of it is text " * 2
