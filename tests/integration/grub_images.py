"""Partition images with the real GRUB of Debian, on a loop disk that has them as a deployment leaves them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.hardware.writing import WrittenImage
from tests.integration.disk_images import MIB, run
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.integration.root_images import ROOT_UUID
from tests.lab.enrol import BUILD

_PACKAGES = "grub2-common,grub-pc-bin,dash,coreutils,sed,grep,mawk,libc-bin,gettext-base"
_DISK_MIB = 128
_TABLES = {"gpt": ",1M,21686148-6449-6E6F-744E-656564454649\n,", "dos": ",,L,*"}
PREP_TABLE = ",8M,9E1A2D38-C612-4316-AA26-8B49521E5A8B\n,"


def debian_with_grub(folder: Path) -> Path:
    """Unpack the packages that grub-install needs; about 10 s."""
    tree = folder / "tree"
    run(str(BUILD.parent / "image-build/apt-settings"), str(folder))
    run(
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--include={_PACKAGES}"),
        *(f"--aptopt={folder}/apt.conf", "bookworm", str(tree), str(folder / "sources.list")),
    )
    for shared in (tree / "usr/share").iterdir():
        if shared.is_dir() and shared.name != "grub":
            shutil.rmtree(shared)
    return tree


def debian_with_grub_and_kernel(folder: Path) -> Path:
    """Return the same with something that is named like a kernel."""
    tree = debian_with_grub(folder)
    (tree / "boot").mkdir(exist_ok=True)
    for name in ("vmlinuz-6.1.0-1-amd64", "initrd.img-6.1.0-1-amd64"):
        (tree / "boot" / name).write_bytes(b"x" * 2048)
    return tree


def looks_like_grub(folder: Path) -> Path:
    """Make a small tree that has everything that is looked for before something is run."""
    tree = folder / "small-tree"
    (tree / "usr/lib/grub/i386-pc").mkdir(parents=True)
    (tree / "usr/sbin").mkdir()
    for action in ("install", "mkconfig"):
        shutil.copy("/bin/true", tree / f"usr/sbin/grub-{action}")
    return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A disk with a partition image; ``root`` is the root partition's device."""

    disk: LoopDisk
    root: Path
    start_mib: int
    prep: Path | None = None

    def written(self) -> WrittenImage:
        made = {"root": self.root, "PReP Boot partition": self.prep}
        return WrittenImage(
            disk=self.disk.device(),
            root_uuid=ROOT_UUID,
            partitions=tuple((role, str(at)) for role, at in made.items() if at is not None),
        )

    def content(self, path: str) -> bytes:
        return run("debugfs", "-R", f"cat {path}", f"{self.disk.path}?offset={self._start_byte}")

    def check(self) -> None:
        run("e2fsck", "-f", "-n", f"{self.disk.path}?offset={self._start_byte}")

    @property
    def _start_byte(self) -> int:
        return self.start_mib * MIB


@contextmanager
def deployed(
    folder: Path,
    tree: Path,
    *,
    label: str = "gpt",
    table: str | None = None,
    programs: Mapping[str, bytes] | None = None,
) -> Iterator[Deployed]:
    """Make a disk with the tree as its root, and take it away again.

    Args:
        folder: Where files are made.
        tree: The root file system.
        label: Kind of partition table, as sfdisk names it.
        table: Lines of sfdisk; ``None`` = as a deployment makes them. The root begins at 2 MiB of a GPT, at 1 MiB of an MBR.
        programs: Files that are exchanged, executable.
    """
    with loop_disk(folder, _DISK_MIB * MIB, noise=False) as disk:
        lines = f"label: {label}\n{table or _TABLES[label]}\n"
        subprocess.run(
            ["sfdisk", "--quiet", "--no-reread", disk.path],
            input=lines.encode(),
            check=True,
            capture_output=True,
        )
        is_prep = table == PREP_TABLE
        start_mib = 9 if is_prep else 2 if label == "gpt" else 1
        size_mib = _DISK_MIB - 1 - start_mib
        options = ("-q", "-t", "ext4", "-U", ROOT_UUID, "-d", str(tree), "-E")
        run("mke2fs", *options, f"offset={start_mib * MIB}", str(disk.path), f"{size_mib * 1024}k")
        _exchange(folder, disk, start_mib, programs or {})
        with ExitStack() as clean_up:
            root = clean_up.enter_context(_partition(disk, start_mib, size_mib))
            prep = clean_up.enter_context(_partition(disk, 1, 8)) if is_prep else None
            yield Deployed(disk=disk, root=root, start_mib=start_mib, prep=prep)


def _exchange(folder: Path, disk: LoopDisk, start_mib: int, programs: Mapping[str, bytes]) -> None:
    for path, content in programs.items():
        file = folder / "program"
        file.write_bytes(content)
        orders = folder / "orders"
        orders.write_text(f"rm {path}\nwrite {file} {path}\nsif {path} mode 0100755\n")
        run("debugfs", "-w", "-f", str(orders), f"{disk.path}?offset={start_mib * MIB}")


@contextmanager
def _partition(disk: LoopDisk, start_mib: int, size_mib: int) -> Iterator[Path]:
    """Give a device over a partition; loop devices have none here. Scripts of GRUB take those below 10 for what they are."""
    place = ("--offset", str(start_mib * MIB), "--sizelimit", str(size_mib * MIB))
    for number in range(200, 255):
        device = Path(f"/dev/loop{number}")
        done = subprocess.run(["losetup", *place, device, disk.path], check=False)
        if done.returncode == 0:
            break
    else:
        raise AssertionError("no free loop device")
    try:
        yield device
    finally:
        run("losetup", "--detach", str(device))
