"""The fixtures of the kill campaign: one site for a file of tests, and a node that is manageable before each of them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.disk_images import MIB, RawImage, gpt_image, run
from tests.integration.image_server import image_server
from tests.integration.kill_kinds import Ground
from tests.integration.kill_machine import PSTORE
from tests.integration.kill_site import kill_site
from tests.integration.loop_disk import loop_disk


@pytest.fixture(scope="module")
def one_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("kills")
    image = _image(folder)
    with (
        loop_disk(folder, 96 * MIB) as first,
        loop_disk(folder, 24 * MIB) as second,
        image_server() as server,
        kill_site(folder, (first, second)) as site,
    ):
        records = site.machine.folder / PSTORE
        records.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "kill-campaign", str(records)], check=True)
        try:
            yield Ground(site, server, image, server.serve("image", image.content))
        finally:
            subprocess.run(["umount", str(records)], check=True)


@pytest.fixture
def ground(one_ground: Ground) -> Iterator[Ground]:
    """Give the ground with a manageable node, which a case that failed must not leave to the next one."""
    site = one_ground.site
    yield one_ground
    try:
        is_good = site.node()["provision_state"] == "manageable"
    except OSError:  # the controller was killed and the case ended there
        is_good = False
    if not is_good:
        site.forget()
        site.enrol()


def _image(folder: Path) -> RawImage:
    """Return an image whose first partition has a file system with a folder for files."""
    image = gpt_image(folder)
    tree = folder / "tree"
    (tree / "etc").mkdir(parents=True)
    place = ("-E", f"offset={MIB}", str(image.file), "8192k")
    run("mke2fs", "-q", "-t", "ext4", "-d", str(tree), *place)
    return RawImage(file=image.file, content=image.file.read_bytes())
