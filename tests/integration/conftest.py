"""What several files of tests begin with.

Of image writing: a web server, a disk full of noise, an image. Of deployments: a controller. Of the API: one without an engine, and one beside
real Ironic's. Of the lab: one.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.beside_ironic import Beside, beside_ironic
from tests.integration.controller_api import Api, make_api
from tests.integration.disk_images import RawImage, gpt_image, qcow2
from tests.integration.image_server import ImageServer, image_server
from tests.integration.loop_disk import DISK_BYTES, LoopDisk, loop_disk
from tests.integration.running_controller import RunningController, running_controller
from tests.lab.lab import Lab


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


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path)
    yield made
    made.services.store.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as found:
        yield found


@pytest.fixture
def beside(both: Beside) -> Iterator[Beside]:
    """Give both, of which one test finds no difference."""
    both.differences.clear()
    yield both
    assert not both.differences, "\n".join(both.differences)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(workdir=tmp_path / "lab") as made:
        yield made
