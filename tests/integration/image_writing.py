"""Writes an image to a test's disk in this process, and looks at what became of the disk."""

from collections.abc import Callable

from agent.hardware.devices import BlockDevice
from agent.images.preparation import WriterSettings
from agent.images.sources.source import RetryPolicy
from agent.images.writer import StreamingImageWriter
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, sha256
from tests.integration.image_server import ImageServer
from tests.integration.loop_disk import NOISE, LoopDisk

QUICK = RetryPolicy(tries=4, first_pause_s=0.01, longest_pause_s=0.05)


def write(
    disk: BlockDevice,
    image: ImageInfo,
    look: Callable[[Progress], None] = lambda _report: None,
    **settings: object,
) -> list[Progress]:
    """Return the reports; ``look`` sees each as it comes."""
    reports: list[Progress] = []

    def sink(report: Progress) -> None:
        reports.append(report)
        look(report)

    chosen = WriterSettings(**{"retry": QUICK, "stall_timeout_s": 10.0} | settings)  # type: ignore[arg-type]  # test's own words
    StreamingImageWriter(HostRunner(), chosen).write_image(image, None, disk, sink)
    return reports


def described(content: bytes, *urls: str, **more: str) -> ImageInfo:
    given = {"checksum": sha256(content)} | more
    return ImageInfo(id="image", urls=list(urls), **given)  # type: ignore[arg-type]  # test's own words


def assert_written(disk: LoopDisk, raw: RawImage) -> None:
    end = len(raw.content) - 34 * 512
    assert disk.read(MIB, end - MIB) == raw.content[MIB:end]
    assert "No problems found" in disk.run("sgdisk", "--verify")


def assert_unbootable(disk: LoopDisk) -> None:
    assert disk.read(0, MIB) == bytes(MIB)
    assert disk.read(disk.size_bytes - 34 * 512, 34 * 512) == bytes(34 * 512)


def assert_untouched(disk: LoopDisk) -> None:
    assert disk.read(0, MIB) == (NOISE * 2)[:MIB]


def write_it(
    server: ImageServer, disk: LoopDisk, content: bytes, name: str = "image"
) -> list[Progress]:
    """Publish an image, write it, check its receipt, and return the reports."""
    url = server.serve(name, content)
    image = ImageInfo(id=name, urls=[url], os_hash_algo="sha256", os_hash_value=sha256(content))
    reports: list[Progress] = []
    written = StreamingImageWriter(HostRunner()).write_image(
        image, None, disk.device(), reports.append
    )
    assert written.receipt is not None
    assert written.receipt.digest == "sha256:" + sha256(content)
    return reports


def assert_holds(disk: LoopDisk, raw: bytes) -> None:
    """Compare everything but the GPT, which is adapted to the disk, and check that with sgdisk."""
    end = len(raw) - 34 * disk.sector_bytes
    assert disk.read(MIB, end - MIB) == raw[MIB:end]
    assert disk.read(0, 440) == raw[:440]
    assert "No problems found" in disk.run("sgdisk", "--verify")
