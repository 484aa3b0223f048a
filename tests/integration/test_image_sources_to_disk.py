"""Images reach the disk from files, registries and several servers, with and without a checksum."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ImageDownloadError, ImageError
from agent.images.sources.opening import SourceRules
from agent.protocol.image import ImageInfo
from tests.integration.disk_images import MIB, RawImage, sha256
from tests.integration.image_server import ImageServer, image_server
from tests.integration.image_writing import (
    assert_unbootable,
    assert_untouched,
    assert_written,
    described,
    write,
)
from tests.integration.loop_disk import LoopDisk
from tests.integration.registry_process import RunningRegistry, registry

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_an_image_in_an_allowed_folder_is_written(
    kind: str, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes, tmp_path: Path
) -> None:
    content = raw.content if kind == "raw" else packed_qcow2
    (tmp_path / "image").write_bytes(content)
    image = described(content, f"file://{tmp_path}/image")
    write(disk.device(), image, sources=SourceRules(folders=(tmp_path,)))
    assert_written(disk, raw)


def test_a_file_is_refused_before_the_disk_is_touched_where_no_folder_is_allowed(
    disk: LoopDisk, raw: RawImage
) -> None:
    with pytest.raises(ImageDownloadError, match="images in files are not allowed here"):
        write(disk.device(), described(raw.content, f"file://{raw.file}"))
    assert_untouched(disk)


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_an_artifact_is_written_and_its_own_digest_decides(
    kind: str, artifacts: RunningRegistry, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    content = raw.content if kind == "raw" else packed_qcow2
    artifacts.push_disk("os/debian", kind, content, title=f"disk.{kind}")
    image = ImageInfo(id="debian", urls=[f"oci://{artifacts.host}/os/debian:{kind}"])
    write(disk.device(), image)
    assert_written(disk, raw)


def test_a_checksum_that_contradicts_the_registry_is_refused_before_the_disk_is_touched(
    artifacts: RunningRegistry, disk: LoopDisk, raw: RawImage
) -> None:
    artifacts.push_disk("os/debian", "13", raw.content)
    image = described(raw.content, f"oci://{artifacts.host}/os/debian:13", checksum="0" * 64)
    with pytest.raises(ImageError, match="its registry says sha256"):
        write(disk.device(), image)
    assert_untouched(disk)


def test_an_image_without_a_checksum_is_written_on_the_operators_word_and_says_so(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    image = ImageInfo(id="image", urls=[server.serve("i", raw.content)])
    reports = write(disk.device(), image, allow_unverified=True)
    assert_written(disk, raw)
    assert any("written unverified" in (report.message or "") for report in reports)


def test_the_next_server_goes_on_in_the_middle_of_a_write(
    server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    with image_server() as other:
        urls = (
            server.serve("i", packed_qcow2, cuts=[-1] + [0] * 9),
            other.serve("i", packed_qcow2, etags=['"other"']),
        )
        reports = write(disk.device(), described(packed_qcow2, *urls))
        assert_written(disk, raw)
        assert other.requests
    assert any("was given up at byte" in (report.message or "") for report in reports)


def test_another_image_on_the_next_server_is_caught_by_the_checksum(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    wrong = bytearray(raw.content)
    wrong[-5000] ^= 1
    with image_server() as other:
        urls = (
            server.serve("i", raw.content, cuts=[9 * MIB] + [0] * 9),
            other.serve("i", bytes(wrong)),
        )
        with pytest.raises(ImageError, match=rf"its sha256 is {sha256(bytes(wrong))}, expected"):
            write(disk.device(), described(raw.content, *urls))
    assert_unbootable(disk)
