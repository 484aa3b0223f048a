"""``inject_files`` on real partitions with real file systems, and files from a real server."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.disks.mounted_files import in_own_namespace
from agent.errors import FileSystemError
from agent.hardware.reading import RootDiskChoice
from agent.hardware.wishes import Wishes
from agent.system.runner import HostRunner
from hardware_managers.inject_files.step import inject_files
from tests.integration.disk_images import MIB, run
from tests.integration.image_server import image_server
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.unit.fakes import Tools

pytestmark = pytest.mark.root

_SECTORS = [512, 4096]


class Chain:
    """A machine of one disk."""

    wishes = Wishes()

    def __init__(self, disk: LoopDisk) -> None:
        self._disk = disk

    def root_disk(self, _node: object) -> RootDiskChoice:
        return RootDiskChoice(disk=self._disk.device(), reasons={})


@pytest.fixture(params=_SECTORS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopDisk]:
    """ESP, an ext4 file system with data, one of a system."""
    with loop_disk(tmp_path, 64 * MIB, sector_bytes=request.param, noise=False) as made:
        kinds = ("-n1:1M:+8M", "-t1:ef00", "-n2:10M:+20M", "-n3:32M:+28M")
        run("sgdisk", *kinds, str(made.path))
        for start_mib, size_mib, folders in ((10, 20, ("data/x",)), (32, 28, ("etc", "usr/bin"))):
            tree = tmp_path / f"tree-{start_mib}"
            for folder in folders:
                (tree / folder).mkdir(parents=True)
            (tree / "bin").symlink_to("usr/bin")
            (tree / "evil").symlink_to(tmp_path)
            options = ("-q", "-t", "ext4", "-b", "4096", "-d", str(tree))
            place = (f"offset={start_mib * MIB}", str(made.path), f"{size_mib * 1024}k")
            run("mke2fs", *options, "-E", *place)
        yield made


def inject(disk: LoopDisk, folder: Path, *files: Any, **node: Any) -> list[dict[str, Any]]:
    folder = folder / "working"
    folder.mkdir(exist_ok=True)
    tools = Tools(HostRunner(), folder)
    args = {"files": list(files)}
    done: list[dict[str, Any]] = inject_files(tools.context(Chain(disk), node, args))["files"]  # type: ignore[arg-type]
    return done


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def content_of(disk: LoopDisk, start_mib: int, path: str) -> bytes:
    return run("debugfs", "-R", f"cat {path}", f"{disk.path}?offset={start_mib * MIB}")


def state_of(disk: LoopDisk, start_mib: int, path: str) -> str:
    return run("debugfs", "-R", f"stat {path}", f"{disk.path}?offset={start_mib * MIB}").decode()


def test_files_go_to_the_partition_that_has_their_folder(disk: LoopDisk, tmp_path: Path) -> None:
    done = inject(
        disk,
        tmp_path,
        {
            "path": "/etc/conf.d/x",
            "content": base64_of(b"one"),
            "mode": "0640",
            "owner": 7,
            "group": 8,
        },
        {"path": "/data/x/y", "content": base64_of(b"two" * 100000)},
        {"path": "/bin/tool", "content": base64_of(b"three"), "partition": 3},
        {"path": "/evil/leak", "content": base64_of(b"four"), "partition": 3},
    )
    assert [one["partition"] for one in done] == [3, 2, 3, 3]
    assert done[1]["bytes"] == 300000
    assert done[0]["sha256"] == hashlib.sha256(b"one").hexdigest()
    assert content_of(disk, 32, "/etc/conf.d/x") == b"one"
    said = state_of(disk, 32, "/etc/conf.d/x")
    assert "Mode:  0640" in said
    assert "User:     7   Group:     8" in said
    assert content_of(disk, 10, "/data/x/y") == b"two" * 100000
    assert content_of(disk, 32, "/usr/bin/tool") == b"three"
    assert not (tmp_path / "leak").exists(), "a link led out of the image"
    for start_mib in (10, 32):
        run("e2fsck", "-f", "-n", f"{disk.path}?offset={start_mib * MIB}")
    assert str(disk.path) not in Path("/proc/mounts").read_text()
    gone = inject(disk, tmp_path, {"path": "/etc/conf.d/x", "deleted": True})
    assert gone == [{"path": "/etc/conf.d/x", "partition": 3, "deleted": True}]
    assert content_of(disk, 32, "/etc/conf.d/x") == b""


def test_a_file_is_fetched_by_the_words_of_its_node(disk: LoopDisk, tmp_path: Path) -> None:
    with image_server() as server:
        url = server.serve("7f06/motd", b"hello\n").replace("7f06", "{node[uuid]}")
        digest = hashlib.sha256(b"hello\n").hexdigest()
        done = inject(
            disk,
            tmp_path,
            {"path": "/etc/motd", "content": url, "checksum": f"sha256:{digest}"},
            {"path": "/etc/motd2", "content": url},
            uuid="7f06",
        )
    assert [one["sha256"] for one in done] == [digest, digest]
    assert content_of(disk, 32, "/etc/motd") == b"hello\n"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (
            {"path": "/opt/x/y"},
            r"no partition has a folder /opt \(1: the EFI system partition; 2: no",
        ),
        ({"path": "/x"}, "says nothing of its partition; name the partition"),
        ({"path": "/x", "partition": 9}, "no partition 9; it has: 1, 2, 3"),
        ({"path": "/x", "partition": 1}, "partition 1: cannot be mounted"),
        ({"path": "/x", "partition": "/dev/null"}, "no block device"),
    ],
)
def test_a_place_that_is_not_there_is_an_error_that_says_what_is(
    disk: LoopDisk, tmp_path: Path, file: Any, reason: str
) -> None:
    with pytest.raises(FileSystemError, match=reason):
        inject(disk, tmp_path, {**file, "content": ""})
    assert str(disk.path) not in Path("/proc/mounts").read_text()


def test_a_full_file_system_is_an_error(disk: LoopDisk, tmp_path: Path) -> None:
    file = {"path": "/data/big", "content": base64_of(bytes(30 * MIB))}
    with pytest.raises(FileSystemError, match="/data/big: cannot be written: No space left"):
        inject(disk, tmp_path, file)
    assert str(disk.path) not in Path("/proc/mounts").read_text()


def test_a_mount_is_seen_by_nobody_else(disk: LoopDisk, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()

    def mount() -> str:
        options = f"loop,offset={32 * MIB},sizelimit={28 * MIB}"
        HostRunner().run("mount", "-o", options, str(disk.path), str(target), timeout_s=60)
        assert (target / "etc").is_dir()
        return Path("/proc/mounts").read_text()

    in_own_namespace(mount)
    assert str(target) not in Path("/proc/mounts").read_text()
    assert not (target / "etc").exists()
