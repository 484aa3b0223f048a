"""What several files of tests begin with: of image writing (a web server, a disk full of noise, an image) and of deployments."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.disk_images import RawImage, gpt_image, qcow2
from tests.integration.image_server import ImageServer, image_server
from tests.integration.loop_disk import DISK_BYTES, LoopDisk, loop_disk
from tests.integration.running_controller import RunningController, running_controller


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


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, agent_silence_timeout_s=1.0) as running:
        yield running
