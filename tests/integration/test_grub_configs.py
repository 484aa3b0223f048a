"""A partition image on an array starts by the configuration of GRUB that it brings; one without is refused, and nothing of it is run."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import BootloaderError
from agent.hardware.writing import WrittenImage
from agent.protocol.partitions import PartitionRole
from agent.system.runner import HostRunner
from hardware_managers.software_raid.bootable import require_configuration
from tests.integration.disk_images import MIB
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.integration.root_images import root_image
from tests.unit.fakes import disk as known_disk

pytestmark = pytest.mark.root


@pytest.fixture
def array(tmp_path: Path) -> Iterator[LoopDisk]:
    """Stands for the array: a disk with a partition table."""
    with loop_disk(tmp_path, 8 * MIB, noise=False) as made:
        made.run("sgdisk", "--new=1:2048:0")
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 24 * MIB, noise=False) as made:
        yield made


def written(array: LoopDisk, root: LoopDisk | None) -> WrittenImage:
    parts = () if root is None else ((PartitionRole.ROOT.value, str(root.path)),)
    return WrittenImage(disk=known_disk(str(array.path)), root_uuid="x", partitions=parts)


def fill(root: LoopDisk, folder: Path, **files: str) -> None:
    image = root_image(
        folder, files={name.replace("__", "/"): text for name, text in files.items()}
    )
    root.path.write_bytes(image.content)


@pytest.mark.parametrize("name", ["boot__grub__grub.cfg", "boot__grub2__grub.cfg"])
def test_an_image_with_a_configuration_is_taken(
    array: LoopDisk, root: LoopDisk, tmp_path: Path, name: str
) -> None:
    fill(root, tmp_path, **{name: "linux /vmlinuz\n"})
    require_configuration(written(array, root), HostRunner())
    assert str(root.path) not in Path("/proc/mounts").read_text()


@pytest.mark.parametrize("files", [{}, {"boot__grub__grub.cfg": ""}])
def test_one_without_is_refused_with_what_to_do(
    array: LoopDisk, root: LoopDisk, tmp_path: Path, files: dict[str, str]
) -> None:
    fill(root, tmp_path, **files)
    with pytest.raises(
        BootloaderError, match=r"has no /boot/grub/grub\.cfg.*run grub-mkconfig when"
    ):
        require_configuration(written(array, root), HostRunner())


def test_an_image_of_a_whole_disk_has_its_own_places(array: LoopDisk) -> None:
    require_configuration(written(array, None), HostRunner())


def test_what_this_kernel_cannot_mount_is_left_to_grub(
    array: LoopDisk, root: LoopDisk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        require_configuration(written(array, root), HostRunner())
    assert "is not looked for" in caplog.text
