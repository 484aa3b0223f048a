"""Boot entries are made by the real efibootmgr, on variables in a folder, for a real FAT filesystem on a loop device."""

import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.errors import BootloaderError
from agent.system.runner import HostRunner, Output
from hardware_managers.generic.bootloader import DiskBootloader
from hardware_managers.generic.efi_bootloader import EfiBootloader
from hardware_managers.generic.grub_bootloader import GrubBootloader
from tests.integration.disk_images import MIB, run
from tests.integration.loop_disk import LoopDisk, loop_disk

pytestmark = pytest.mark.root
CSV = "shimx64.efi,debian,,This is the boot entry for debian\n".encode("utf-16")


@pytest.fixture
def efivars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "efivars"
    folder.mkdir()
    (folder / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c").write_bytes(b"\x06\0\0\0\0")
    monkeypatch.setenv("EFIVARFS_PATH", f"{folder}/")
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 96 * MIB, noise=False) as made:
        made.run("sgdisk", "-n", "1:1M:+4M", "-n", "2:5M:+64M", "-t", "2:EF00")
        yield made


def fill_esp(disk: LoopDisk, tmp_path: Path, files: dict[str, bytes]) -> None:
    place = f"{disk.path}@@5M"
    run("mformat", "-i", place, "-F", "-T", str(64 * MIB // 512), "-h", "16", "-s", "63", "::")
    made = set()
    for path, content in files.items():
        folders = path.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            folder = "/".join(folders[:depth])
            if folder not in made:
                run("mmd", "-i", place, f"::{folder}")
                made.add(folder)
        (tmp_path / "file").write_bytes(content)
        run("mcopy", "-i", place, str(tmp_path / "file"), f"::{path}")


class StoreRunner(HostRunner):
    """Has a shorter BootOrder make its file shorter, as efivarfs does; in a plain folder the old end would stay."""

    def __init__(self, efivars: Path) -> None:
        self._efivars = efivars

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        before = self._order_bytes()
        output = super().run(*argv, timeout_s=timeout_s, ok=ok, stdin=stdin)
        if "--delete-bootnum" in argv and self._order_bytes() == before:
            self._cut(before - 2)
        if "--bootorder" in argv:
            self._cut(4 + 2 * len(argv[argv.index("--bootorder") + 1].split(",")))
        return output

    def _order_bytes(self) -> int:
        return sum(file.stat().st_size for file in self._efivars.glob("BootOrder-*"))

    def _cut(self, size_bytes: int) -> None:
        for file in self._efivars.glob("BootOrder-*"):
            os.truncate(file, size_bytes)


def install(disk: LoopDisk, efivars: Path, mode: str = "uefi") -> tuple[str, ...]:
    runner = StoreRunner(efivars)
    efi = EfiBootloader(runner, efivars=efivars, machine="x86_64")
    bootloader = DiskBootloader(efi, GrubBootloader(runner, is_allowed=False))
    return bootloader.install_bootloader(disk.device(), boot_mode=mode)


def entries() -> str:
    done = subprocess.run(["efibootmgr", "-v"], check=True, capture_output=True, text=True)
    return done.stdout


def esp_id(disk: LoopDisk) -> str:
    text = run("sgdisk", "-i", "2", str(disk.path)).decode()
    return text.split("Partition unique GUID: ")[1].split()[0].lower()


def test_the_loader_that_describes_itself_is_entered_under_its_own_name(
    disk: LoopDisk, efivars: Path, tmp_path: Path
) -> None:
    files = {
        "EFI/debian/shimx64.efi": b"x",
        "EFI/debian/BOOTX64.CSV": CSV,
        "EFI/BOOT/BOOTX64.EFI": b"x",
    }
    fill_esp(disk, tmp_path, files)
    assert install(disk, efivars) == ("debian",)
    shown = entries()
    assert r"\EFI\debian\shimx64.efi" in shown
    assert esp_id(disk) in shown.lower()
    assert "BootOrder: 0000" in shown


def test_without_a_description_the_removable_path_is_entered(
    disk: LoopDisk, efivars: Path, tmp_path: Path
) -> None:
    fill_esp(disk, tmp_path, {"EFI/BOOT/BOOTX64.EFI": b"x", "EFI/debian/grubx64.efi": b"x"})
    assert install(disk, efivars) == ("ingot",)
    assert r"\EFI\BOOT\BOOTX64.EFI" in entries()


def test_old_entries_for_the_same_system_are_replaced_and_others_stay_behind_it(
    disk: LoopDisk, efivars: Path, tmp_path: Path
) -> None:
    fill_esp(disk, tmp_path, {"EFI/BOOT/BOOTX64.EFI": b"x"})
    place = ("--disk", str(disk.path), "--loader", r"\EFI\x.efi")
    for label, part in (("network", "1"), ("ingot", "1"), ("old", "2")):
        run("efibootmgr", "--create", "--label", label, "--part", part, *place)
    install(disk, efivars)
    install(disk, efivars)
    lines = [line.split("\t")[0] for line in entries().splitlines() if "\t" in line]
    assert sorted(line.split(" ", 1)[1] for line in lines) == ["ingot", "network"]
    (number,) = [line[4:8] for line in lines if "ingot" in line]
    assert f"BootOrder: {number},0000" in entries()


@pytest.mark.parametrize("deployments", [12, pytest.param(100, marks=pytest.mark.long)])
def test_many_deployments_leave_one_entry_and_the_order_of_the_others(
    disk: LoopDisk, efivars: Path, tmp_path: Path, deployments: int
) -> None:
    """Each image has another partition GUID and another label; entries of other disks and of the network stay as they are."""
    kept = ("PXE of card 1", "PXE of card 2", "another system of this disk")
    place = ("--disk", str(disk.path), "--part", "1", "--loader", r"\EFI\x.efi")
    for label in kept:
        run("efibootmgr", "--create", "--label", label, *place)
    order = entries().split("BootOrder: ")[1].split()[0]
    fill_esp(disk, tmp_path, {"EFI/v/shimx64.efi": b"x", "EFI/v/BOOTX64.CSV": CSV})
    sizes = []
    for number in range(deployments):
        run("sgdisk", f"--partition-guid=2:{uuid.UUID(int=number + 1)}", str(disk.path))
        csv = f"shimx64.efi,System {number},,\n".encode("utf-16" if number % 2 else "utf-8")
        (tmp_path / "file").write_bytes(csv)
        run("mcopy", "-o", "-i", f"{disk.path}@@5M", str(tmp_path / "file"), "::EFI/v/BOOTX64.CSV")
        assert install(disk, efivars) == (f"System {number}",)
        sizes.append(sum(file.stat().st_size for file in efivars.iterdir()))
    assert max(sizes) - min(sizes) <= 4, "one more digit of a label, in UTF-16"
    shown = entries()
    labels = [line.split("\t")[0].split(" ", 1)[1] for line in shown.splitlines() if "\t" in line]
    assert sorted(labels) == sorted([*kept, f"System {deployments - 1}"])
    first, _, others = shown.split("BootOrder: ")[1].split()[0].partition(",")
    assert others == order
    assert f"Boot{first}* System {deployments - 1}" in shown


def test_bios_machines_need_no_entry(disk: LoopDisk, efivars: Path) -> None:
    assert install(disk, efivars, "bios") == ()
    assert "Boot0" not in entries()


def test_a_disk_without_an_esp_is_an_error_that_says_so(efivars: Path, tmp_path: Path) -> None:
    with loop_disk(tmp_path, 32 * MIB, noise=False) as disk:
        disk.run("sgdisk", "-n", "1:1M:+4M")
        with pytest.raises(BootloaderError, match="no EFI system partition among its 1 partitions"):
            install(disk, efivars)


def test_an_esp_without_a_loader_lists_what_is_there(
    disk: LoopDisk, efivars: Path, tmp_path: Path
) -> None:
    fill_esp(disk, tmp_path, {"EFI/BOOT/BOOTAA64.EFI": b"x"})
    with pytest.raises(BootloaderError, match=r"no boot loader for x86_64.*BOOTAA64\.EFI"):
        install(disk, efivars)


def test_an_esp_that_is_no_filesystem_is_an_error(disk: LoopDisk, efivars: Path) -> None:
    with pytest.raises(BootloaderError, match="cannot be read"):
        install(disk, efivars)


def test_a_machine_in_bios_mode_cannot_take_entries(disk: LoopDisk, tmp_path: Path) -> None:
    fill_esp(disk, tmp_path, {"EFI/BOOT/BOOTX64.EFI": b"x"})
    with pytest.raises(BootloaderError, match="booted in BIOS mode"):
        install(disk, tmp_path / "none")
