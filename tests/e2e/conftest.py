import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.image_workbench import Workbench, make_workbench
from tests.lab.enrol import BUILD, OS_IMAGE
from tests.lab.lab import Lab


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """These tests need root; those with machines need what ``make ramdisk os-image`` builds."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    if item.get_closest_marker("vm") is None:
        return
    missing = [f for f in (OS_IMAGE, BUILD / "ramdisk/ingot.initramfs") if not f.exists()]
    if missing:
        pytest.skip(f"make ramdisk os-image builds {', '.join(map(str, missing))}")


@pytest.fixture
def logs(request: pytest.FixtureRequest) -> Path:
    """A folder for the logs of this test that outlives it."""
    folder = BUILD / "test-results" / str(request.node.name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def lab(logs: Path) -> Iterator[Lab]:
    with Lab(workdir=logs) as made:
        yield made


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The deploy ramdisk right before it writes an image; started once for all tests."""
    logs = BUILD / "test-results/workbench"
    logs.mkdir(parents=True, exist_ok=True)
    return make_workbench(tmp_path_factory.mktemp("workbench"), log=logs / "console.log")
