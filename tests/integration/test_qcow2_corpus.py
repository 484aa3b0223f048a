"""qcow2 images that QEMU's own programs made with random options read the same through ours as through ``qemu-img``.

``QCOW2_CORPUS=500`` makes that many instead of a dozen; each number is a seed of its own.
"""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.disks.open_disk import OpenDisk
from agent.images.flow.meter import Meter
from agent.images.flow.pipeline import Pipeline
from agent.images.flow.qcow2_sink import TableWatch
from agent.images.flow.target import ImageTarget
from agent.images.formats import first_look, qcow2_header, qcow2_map
from tests.integration.disk_images import MIB, run, sha256
from tests.integration.loop_disk import NOISE, LoopDisk, loop_disk

pytestmark = pytest.mark.root
COUNT = int(os.environ.get("QCOW2_CORPUS") or "12")
DISK_BYTES = 12 * MIB
CLUSTERS = (512, 1024, 4096, 65536, 262144, 1 << 20, 1 << 21)


class Stream:
    """A file's bytes as the pipeline reads them."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def read_into(self, view: memoryview) -> int:
        piece = self._content[self._position : self._position + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def read_at(self, start: int, size: int) -> bytes:
        assert start + size <= len(self._content), "read beyond the file's end"
        return self._content[start : start + size]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an image is made."""

    options: str
    size_bytes: int
    cluster_bytes: int
    can_compress: bool
    can_snapshot: bool = True


def recipe(source: random.Random) -> Recipe:
    cluster = source.choice(CLUSTERS)
    compat = source.choice(("0.10", "1.1"))
    options = {"cluster_size": str(cluster), "compat": compat}
    options["preallocation"] = source.choice(("off", "off", "metadata", "falloc", "full"))
    if compat == "1.1":
        options["lazy_refcounts"] = source.choice(("on", "off"))
        options["compression_type"] = source.choice(("zlib", "zstd"))
        options["refcount_bits"] = source.choice(("1", "16", "64"))
        if cluster >= 1 << 14:
            options["extended_l2"] = source.choice(("on", "off"))
    return Recipe(
        options=",".join(f"{name}={value}" for name, value in options.items()),
        size_bytes=source.randrange(3 * MIB, 11 * MIB, 512),
        cluster_bytes=cluster,
        can_compress=options["preallocation"] == "off",
        can_snapshot=options.get("refcount_bits") != "1",
    )


def commands(made: Recipe, source: random.Random, count: int) -> list[str]:
    """Return commands for qemu-io that write patterns, zeros, compressed clusters, and throw some away again."""
    found = ["-c", "write -P 0xeb 0 8k"]
    for _ in range(count):
        kind = source.choice(("write", "write", "zero", "compressed", "discard", "unmap"))
        size = source.choice((512, 4096, 65536, 300 * 1024, MIB))
        at = source.randrange(0, made.size_bytes - size, 512)
        if kind == "compressed" and made.can_compress:
            step = made.cluster_bytes
            whole = made.size_bytes // step
            if whole:
                found += [
                    "-c",
                    f"write -c -P {source.randrange(256)} {source.randrange(whole) * step} {step}",
                ]
        elif kind == "zero":
            found += ["-c", f"write -z {at} {size}"]
        elif kind == "unmap":
            found += ["-c", f"write -z -u {at} {size}"]
        elif kind == "discard":
            found += ["-c", f"discard {at} {size}"]
        else:
            found += ["-c", f"write -P {source.randrange(256)} {at} {size}"]
    return found


def make(folder: Path, seed: int) -> Path:
    source = random.Random(seed)
    made, file = recipe(source), folder / "image.qcow2"
    if source.random() < 0.3:  # packed as a whole
        raw = folder / "image.raw"
        raw.write_bytes((source.randbytes(5000) + b"text " * 9000 + bytes(90_000)) * 20)
        options = f"cluster_size={made.cluster_bytes},compat={'1.1' if seed % 2 else '0.10'}"
        run("qemu-img", "convert", "-c", "-O", "qcow2", "-o", options, str(raw), str(file))
        return file
    create = ("qemu-img", "create", "-q", "-f", "qcow2", "-o", made.options)
    run(*create, str(file), str(made.size_bytes))
    for snapshot in range(source.choice((1, 1, 2, 3))):
        if snapshot and made.can_snapshot:
            run("qemu-img", "snapshot", "-c", f"s{snapshot}", str(file))
        orders = commands(made, source, source.randrange(1, 9))
        # What QEMU refuses (a compressed cluster that does not shrink) leaves an image that is as good as any.
        subprocess.run(
            ["qemu-io", "-f", "qcow2", *orders, str(file)], check=False, capture_output=True
        )
    return file


def make_unclosed(folder: Path, seed: int) -> Path:
    """Make an image whose writer died with reference counts still to be written."""
    source = random.Random(seed)
    file, size = folder / "image.qcow2", 8 * MIB
    options = f"lazy_refcounts=on,cluster_size={source.choice((4096, 65536))}"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, str(file), str(size))
    made = Recipe(options=options, size_bytes=size, cluster_bytes=65536, can_compress=False)
    died = subprocess.run(
        ["qemu-io", "-f", "qcow2", *commands(made, source, 6), "-c", "abort", str(file)],
        check=False,
        capture_output=True,
    )
    assert died.returncode == -signal.SIGABRT
    return file


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path_factory.mktemp("disk"), DISK_BYTES) as made:
        yield made


def write(content: bytes, disk: LoopDisk) -> bytes:
    """Write the image over noise and return what the disk holds of it."""
    stream = Stream(content)
    pipeline = Pipeline(stream, "sha256", Meter(lambda _report: None))
    watch = TableWatch(stream.read_at)
    image = qcow2_map.read_map(qcow2_header.read_header(content[:65536], len(content)), watch.read)
    size = image.header.virtual_bytes
    with OpenDisk(disk.path) as opened:
        for start in range(0, DISK_BYTES, MIB):
            opened.write_bytes(NOISE[:MIB], start)
        target = ImageTarget(opened)
        head = first_look.head_of_qcow2(image, watch.read)
        assert pipeline.run_qcow2(target, image, watch) == sha256(content)
        opened.write_bytes(target.tail, target.tail_from)
        opened.write_bytes(target.head, 0)
        opened.flush()
        found = opened.read(0, size)
    assert not head.is_whole or head.content[:size] == found[:MIB].ljust(MIB, b"\0")[:size]
    return found


@pytest.mark.parametrize("seed", range(COUNT))
def test_an_image_reads_as_qemu_img_reads_it(seed: int, disk: LoopDisk, tmp_path: Path) -> None:
    file, raw = make(tmp_path, seed), tmp_path / "expected.raw"
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(file), str(raw))
    assert write(file.read_bytes(), disk) == raw.read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_an_image_that_was_not_closed_reads_as_qemu_img_reads_it(
    seed: int, disk: LoopDisk, tmp_path: Path
) -> None:
    file, raw = make_unclosed(tmp_path, seed), tmp_path / "expected.raw"
    assert file.read_bytes()[79] & 1, "QEMU left no dirty bit"
    run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(file), str(raw))
    assert write(file.read_bytes(), disk) == raw.read_bytes()
