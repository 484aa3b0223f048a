import os
from pathlib import Path

import pytest

from tests.lab.enrol import BUILD, OS_IMAGE


@pytest.fixture(autouse=True, scope="session")
def _needs() -> None:
    """These tests need root and what ``make ramdisk os-image`` builds."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    missing = [f for f in (OS_IMAGE, BUILD / "ramdisk/ingot.initramfs") if not f.exists()]
    if missing:
        pytest.skip(f"make ramdisk os-image builds {', '.join(map(str, missing))}")


@pytest.fixture
def logs(request: pytest.FixtureRequest) -> Path:
    """A folder for the logs of this test that outlives it."""
    folder = BUILD / "test-results" / str(request.node.name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
