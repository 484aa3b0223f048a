"""What most tests of image writing begin with: a web server, a disk full of noise, an image with a partition table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.disk_images import RawImage, gpt_image, qcow2
from tests.integration.image_server import ImageServer, image_server
from tests.integration.loop_disk import DISK_BYTES, LoopDisk, loop_disk


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, DISK_BYTES) as made:
        yield made


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawImage:
    return gpt_image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def packed_qcow2(raw: RawImage) -> bytes:
    return qcow2(raw, "-c")
