"""Bootable containers are installed on a disk from a real registry by a stand-in for podman: what is refused, hidden, wiped and read back.

The real podman installs one in a machine: ``tests/e2e/test_bootc.py``.
"""

import base64
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.disks.partition_table import PartitionTable
from agent.errors import (
    AgentError,
    CannotStop,
    DiskInUse,
    ImageDownloadError,
    ImageError,
    Stopped,
)
from agent.hardware.image_rules import ImageRules
from agent.hardware.writing import InstalledContainer
from agent.protocol.bootc import BootcOrder, read_order
from agent.protocol.commands import Progress
from agent.protocol.config_drive import pack
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
from agent.system.sysfs import SysRoot
from hardware_managers.container.bootc.installer import BootcInstaller
from tests.integration import podman_double
from tests.integration.loop_disk import NOISE, LoopDisk, loop_disk
from tests.integration.registry_process import (
    OCI_MANIFEST,
    RunningRegistry,
    htpasswd_auth,
    registry,
)

pytestmark = pytest.mark.root

GIB = 1 << 30
DISK_BYTES = 2 * GIB
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org"
PASSWORD = "open sesame"
LAYER = b"a layer" * 99
FAT_DRIVE = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A disk, podman's stand-in, and a registry with an image that wants a login."""

    disk: LoopDisk
    folder: Path
    host: str
    digest: str
    sys_root: SysRoot

    def order(self, **more: Any) -> BootcOrder:
        source = f"oci://{self.host}/os/debian:12"
        return read_order(source, more.pop("info", {}), secret=f"tux:{PASSWORD}", **more)

    def behave(self, behaviour: str) -> None:
        (self.folder / "behaviour").write_text(behaviour)

    def install(
        self, order: BootcOrder | None = None, stop: StopSignal | None = None, **told: Any
    ) -> InstalledContainer:
        reports: list[Progress] = told.get("reports", [])
        installer = BootcInstaller(HostRunner(), ImageRules(), self.sys_root)
        hear = told.get("hear", reports.append)
        return installer.install_container(
            order or self.order(), self.disk.device(), hear, stop=stop
        )

    def diary(self) -> list[dict[str, Any]]:
        return podman_double.calls(self.folder)

    def calls(self) -> list[str]:
        return [" ".join(call["words"][:2]) for call in self.diary()]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningRegistry, str]]:
    """A registry that wants a password, and the digest of the image in it."""
    folder = tmp_path_factory.mktemp("registry")
    with registry(folder) as anyone:
        digest = push_container(anyone, "os/debian", "12")
        anyone.push_disk("disks/debian", "12", b"a disk")
    with registry(folder, htpasswd_auth(folder, "tux", PASSWORD)) as running:
        yield running, digest


def push_container(server: RunningRegistry, name: str, tag: str) -> str:
    manifest = server.manifest(name, {"": LAYER})
    assert manifest["mediaType"] == OCI_MANIFEST
    return server.push_manifest(name, tag, manifest)


@pytest.fixture
def bench(
    tmp_path: Path, shelf: tuple[RunningRegistry, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    programs = tmp_path / "programs"
    monkeypatch.setenv("PATH", podman_double.put_into(programs))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        with disk.path.open("r+b") as file:
            file.write(NOISE)
        yield Bench(
            disk=disk,
            folder=programs,
            host=shelf[0].host,
            digest=shelf[1],
            sys_root=machine(tmp_path / "root"),
        )


def machine(root: Path, available_kib: int = 2 << 20) -> SysRoot:
    """Return what a UEFI machine with so much free memory shows of itself."""
    (root / "sys/firmware/efi").mkdir(parents=True)
    (root / "sys/class").symlink_to("/sys/class")
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:   {available_kib} kB\n")
    return SysRoot(root)


def fat_drive(folder: Path) -> str:
    file = folder / "drive"
    with file.open("wb") as made:
        made.truncate(FAT_DRIVE)
    HostRunner().run("mkfs.fat", "-n", "CONFIG-2", str(file), timeout_s=60)
    return pack(file.read_bytes())


def assert_untouched(bench: Bench) -> None:
    assert bench.disk.read(0, len(NOISE)) == NOISE
    assert "run --rm --privileged" not in " ".join(" ".join(c["words"]) for c in bench.diary())


def assert_unbootable(bench: Bench) -> None:
    assert not any(bench.disk.read(0, 1 << 20))
    assert not any(bench.disk.read(DISK_BYTES - 34 * 512, 34 * 512))


def assert_nothing_left(bench: Bench, tmp_path: Path) -> None:
    assert list((bench.folder / "storage").iterdir()) == []  # the mount is gone
    assert [p for p in tmp_path.iterdir() if p.name.startswith("ingot-")] == []


def test_a_container_is_pulled_by_digest_and_what_it_left_is_read_back(
    bench: Bench, tmp_path: Path
) -> None:
    drive = fat_drive(tmp_path)
    info = {"bootc_authorized_keys": KEY}
    reports: list[Progress] = []
    done = bench.install(bench.order(info=info, configdrive=drive), reports=reports)

    info_call, pull, inspect, asked, install = bench.diary()
    pinned = f"{bench.host}/os/debian@{bench.digest}"
    login = base64.b64encode(f"tux:{PASSWORD}".encode()).decode()
    assert info_call["words"][0] == "info"
    assert pull["words"][-1] == pinned
    assert json.loads(pull["files"]["login"]) == {"auths": {bench.host: {"auth": login}}}
    assert pull["files"]["mode"] == "0o600"
    assert inspect["words"][-1] == pinned
    assert "--network=none" in asked["words"]
    assert install["files"] == {"keys": f"{KEY}\n"}
    assert f"--target-imgref={bench.host}/os/debian:12" in install["words"]
    assert PASSWORD not in " ".join(" ".join(call["words"]) for call in bench.diary())

    assert (done.pinned, done.bootc, done.boot_mode) == (pinned, "bootc 1.1.4", "uefi")
    assert [one.partition(",")[2].strip() for one in done.partitions] == [
        "nothing known in it",
        "vfat",
        "ext4",
    ]
    assert done.written_bytes is not None
    assert done.written_bytes >= 8 << 20
    assert done.config_drive_partition == 4
    table = PartitionTable(bytearray(bench.disk.read(0, 1 << 20)), 512)
    config = table.partitions()[3]
    assert config.name == "config-2"
    assert b"CONFIG-2" in bench.disk.read(config.start_byte, FAT_DRIVE)
    assert "No problems found" in bench.disk.run("sgdisk", "--verify")
    said = " ".join(filter(None, (report.message for report in reports)))
    assert "Installing image: docker://registry/os" in said
    assert "Copying blob sha256:" in said
    assert PASSWORD not in said
    assert [phase.phase for phase in done.phases] == [
        "connect",
        "pull",
        "check",
        "install",
        "verify",
        "config drive",
        "flush",
    ]
    assert_nothing_left(bench, tmp_path)


@pytest.mark.parametrize(
    ("behaviour", "kind", "complaint"),
    [
        ("no bootc", ImageError, "has no program bootc"),
        ("foreign", ImageError, "is for sparc64"),
        ("full", ImageError, "does not fit into the memory"),
    ],
)
def test_an_image_that_cannot_install_itself_leaves_the_disk_alone(
    bench: Bench, tmp_path: Path, behaviour: str, kind: type[AgentError], complaint: str
) -> None:
    bench.behave(behaviour)
    with pytest.raises(kind, match=complaint) as caught:
        bench.install()
    assert PASSWORD not in str(caught.value)
    assert_untouched(bench)
    assert_nothing_left(bench, tmp_path)


@pytest.mark.parametrize(
    ("behaviour", "complaint"),
    [
        ("half", "exit status 1: .*mkfs.ext4 failed"),
        ("nothing", "bytearray|no disk|partition table"),
    ],
)
def test_an_installer_that_fails_or_does_nothing_leaves_a_disk_that_cannot_boot(
    bench: Bench, tmp_path: Path, behaviour: str, complaint: str
) -> None:
    bench.behave(behaviour)
    with pytest.raises(ImageError, match=complaint):
        bench.install()
    assert_unbootable(bench)
    assert bench.calls()[-1] in {"run --rm", "rm --force"}
    assert_nothing_left(bench, tmp_path)


def test_a_disk_that_the_installer_keeps_open_cannot_boot_either(bench: Bench) -> None:
    bench.behave("kept open")
    try:
        with pytest.raises(DiskInUse):
            bench.install()
    finally:
        os.kill(int((bench.folder / "holder").read_text()), signal.SIGKILL)
    assert not any(bench.disk.read(0, 1 << 20))


def test_what_the_registry_has_not_or_does_not_give_is_told_before_podman_is_called(
    bench: Bench,
) -> None:
    for source, secret, complaint in (
        ("os/other:1", PASSWORD, "404"),
        ("os/debian:12", "wrong", "refuses the credentials"),
        ("disks/debian:12", PASSWORD, "no container image"),
    ):
        order = read_order(f"oci://{bench.host}/{source}", {}, secret=f"tux:{secret}")
        with pytest.raises((ImageDownloadError, ImageError), match=complaint):
            bench.install(order)
    assert bench.calls() == []
    assert_untouched(bench)


def test_an_image_of_a_given_digest_stays_at_it(bench: Bench) -> None:
    order = read_order(f"oci://{bench.host}/os/debian@{bench.digest}", {}, secret=f"tux:{PASSWORD}")
    assert bench.install(order).pinned.endswith(bench.digest)
    assert "--target-imgref" not in " ".join(bench.diary()[-1]["words"])
    wrong = f"sha256:{hashlib.sha256(b'').hexdigest()}"
    order = read_order(f"oci://{bench.host}/os/debian@{wrong}", {}, secret=f"tux:{PASSWORD}")
    with pytest.raises((ImageDownloadError, ImageError)):
        bench.install(order)


def test_a_machine_with_little_memory_is_told_so_before_anything_is_pulled(
    bench: Bench, tmp_path: Path
) -> None:
    small = replace(bench, sys_root=machine(tmp_path / "small", available_kib=100 << 10))
    with pytest.raises(ImageError, match="unpacked in memory, of which 0 bytes are free"):
        small.install()
    assert bench.calls() == []
    assert_untouched(bench)


def test_a_stop_ends_the_pull_and_is_refused_while_the_disk_is_written(
    bench: Bench, tmp_path: Path
) -> None:
    bench.behave("slow pull")
    stop = StopSignal()

    def stop_at_a_blob(report: Progress) -> None:
        if "Copying blob" in (report.message or ""):
            stop.set()

    with pytest.raises(Stopped):
        bench.install(stop=stop, hear=stop_at_a_blob)
    assert_untouched(bench)
    assert_nothing_left(bench, tmp_path)

    bench.behave("")
    late = StopSignal()
    refusals: list[str] = []

    def stop_at_the_disk(report: Progress) -> None:
        if report.phase == "install" and not refusals:
            with pytest.raises(CannotStop) as refused:
                late.set()
            refusals.append(str(refused.value))

    bench.install(stop=late, hear=stop_at_the_disk)
    assert "half of it cannot boot" in refusals[0]
