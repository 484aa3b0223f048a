"""The generic manager's readers against this very machine."""

import os
from pathlib import Path

import netifaces
import psutil

from agent.hardware.image_rules import ImageRules
from agent.hardware.wishes import Wishes
from agent.images.proof.witness import Verification
from agent.images.writer import StreamingImageWriter
from agent.system.runner import HostRunner
from agent.system.sysfs import SysRoot
from hardware_managers.generic.disks import LsblkDiskLister
from hardware_managers.generic.ethtool import permanent_address
from hardware_managers.generic.machine import LinuxMachineReader
from hardware_managers.generic.manager import probe
from hardware_managers.generic.nics import netifaces_addresses
from hardware_managers.generic.udev import block_properties


def test_the_disks_found_are_the_kernels_with_their_sizes() -> None:
    disks = LsblkDiskLister(HostRunner(), block_properties, SysRoot()).list_disks()
    for disk in disks:
        sectors = int(Path("/sys/class/block", disk.path.name, "size").read_text())
        assert disk.size_bytes == sectors * 512
        assert disk.logical_sector_bytes in (512, 4096)


def test_memory_and_processors_agree_with_the_kernel() -> None:
    reader = LinuxMachineReader(SysRoot())
    kib = next(
        line
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    assert reader.memory().total_bytes == int(kib.split()[1]) * 1024
    assert reader.processor().count == os.cpu_count()
    assert reader.processor().model_name


def test_addresses_of_netifaces_agree_with_psutil_on_every_interface() -> None:
    """netifaces2 is not quite netifaces: keys and families are checked against a second opinion."""
    for name, addresses in psutil.net_if_addrs().items():
        ipv4 = [a.address for a in addresses if a.family.name == "AF_INET"]
        assert netifaces_addresses(name)[0] == (ipv4[0] if ipv4 else None)


def test_an_interface_that_does_not_exist_has_no_addresses() -> None:
    assert "ingot-none" not in netifaces.interfaces()
    assert netifaces_addresses("ingot-none") == (None, None)


def test_the_settings_reach_the_image_writer() -> None:
    manager = probe(HostRunner())
    assert manager is not None
    assert manager.configure is not None
    writer = manager.configure(Wishes(images=ImageRules(verify="whole"))).image_writer
    assert isinstance(writer, StreamingImageWriter)
    assert writer._settings.verify is Verification.WHOLE


def test_the_permanent_address_of_a_card_is_known_and_the_loopback_has_none() -> None:
    assert permanent_address("lo") is None
    assert permanent_address("ingot-none") is None
    for card in Path("/sys/class/net").glob("*/device"):
        assert permanent_address(card.parent.name) in (
            None,
            (card.parent / "address").read_text().strip(),
        )
