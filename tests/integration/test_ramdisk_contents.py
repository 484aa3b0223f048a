"""The built ramdisk has what the agent starts, what people log in with, and the drivers that servers are found and deployed by."""

import os
import re
from pathlib import Path

import pytest

from tests.integration.ramdisk_files import unpack

ROOT = Path(__file__).parents[2]
INITRAMFS = ROOT / "build/ramdisk/ingot.initramfs"
pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

PROGRAMS = """
blkid chroot debugfs dmidecode e2fsck efibootmgr ethtool hdparm ip ipmitool losetup lsblk lshw lspci mcopy mdadm mdir mkfs.vfat
mkswap modprobe mount nvme openssl partx ps python3 resize2fs sfdisk sg_opcodes sg_requests sg_turs smartctl sync udevadm umount
unshare wipefs xz zstd
bash login scp sftp ssh ssh-keygen sshd
busybox getent ldconfig reboot
"""
MODULES = """
aacraid ahci hpsa lpfc megaraid_sas mpi3mr mpt3sas nvme qla2xxx sd_mod sg smartpqi sr_mod uas usb_storage virtio_blk virtio_scsi
be2net bnx2x bnxt_en cxgb4 e1000e i40e ice igb igc ixgbe mlx4_en mlx5_core qede r8169 sfc tg3 virtio_net vmxnet3
8021q bonding cdc_ether ib_ipoib
ipmi_devintf ipmi_si ipmi_ssif usbhid
dm_mod raid0 raid1 raid10 raid456
btrfs ext4 isofs nls_ascii nls_cp437 nls_utf8 udf vfat xfs
hv_netvsc hv_storvsc vmw_pvscsi xen_blkfront xen_netfront
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return where the tree and what lies over it are laid out."""
    if not INITRAMFS.exists():
        pytest.skip(f"make ramdisk builds {INITRAMFS}")
    folder = unpack(INITRAMFS, tmp_path_factory.mktemp("ramdisk"))
    return folder / "tree", folder / "archives"


def test_the_programs_of_the_agent_and_of_people_are_there(folders: tuple[Path, Path]) -> None:
    found = {
        file.name
        for folder in folders
        for place in ("usr/bin", "usr/sbin")
        for file in (folder / place).glob("*")
    }
    assert set(PROGRAMS.split()) - found == set()


def test_the_drivers_of_servers_are_there(folders: tuple[Path, Path]) -> None:
    tree = folders[0] / "usr/lib/modules"
    built_in = " ".join(file.read_text() for file in tree.glob("*/modules.builtin"))
    names = {file.name.partition(".")[0] for file in tree.rglob("*.ko.zst")}
    names |= set(re.findall(r"([^/\s]+)\.ko", built_in))
    found = {name.replace("-", "_") for name in names}
    assert set(MODULES.split()) - found == set()


def test_a_module_has_every_module_that_it_depends_on(folders: tuple[Path, Path]) -> None:
    (dependencies,) = (folders[0] / "usr/lib/modules").glob("*/modules.dep")
    named = set(re.findall(r"kernel/\S+\.ko\.zst", dependencies.read_text()))
    assert len(named) > 500
    assert [name for name in sorted(named) if not (dependencies.parent / name).exists()] == []


def test_nothing_leads_to_a_file_that_was_removed(folders: tuple[Path, Path]) -> None:
    links = [
        f"{place}/{link.name}"
        for place in ("usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu")
        for link in (folders[0] / place).iterdir()
        if link.is_symlink()
    ]
    assert len(links) > 100
    assert [name for name in sorted(links) if not leads_somewhere(name, folders)] == []


def leads_somewhere(name: str, folders: tuple[Path, Path]) -> bool:
    """Say whether there is a file at the end of a link, which the ramdisk looks for in both folders and not on this machine."""
    for _ in range(10):
        name = re.sub(r"^(?=(bin|sbin|lib)/)", "usr/", name)
        if not (link := folders[0] / name).is_symlink():
            return any((folder / name).exists() for folder in folders)
        name = os.path.normpath(f"/{name}/../{link.readlink()}").lstrip("/")
        if link.readlink().is_absolute():
            name = str(link.readlink()).lstrip("/")
    return False
