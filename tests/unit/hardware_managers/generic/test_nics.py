from pathlib import Path

import pytest

from agent.system.sysfs import SysRoot
from hardware_managers.generic.nics import SysfsNicLister


def make_nic(root: Path, name: str, *, physical: bool, **files: str) -> None:
    folder = root / "sys/class/net" / name
    folder.mkdir(parents=True)
    if physical:
        device = root / "sys/devices/pci0000:00/0000:00:02.0"
        (device / "driver_of").mkdir(parents=True, exist_ok=True)
        (device / "vendor").write_text("0x8086\n")
        (folder / "device").symlink_to(device)
    for file_name, text in files.items():
        (folder / file_name).write_text(text)


def unknown(_name: str) -> None:
    return None


def test_interfaces_without_a_device_are_not_hardware(tmp_path: Path) -> None:
    make_nic(tmp_path, "lo", physical=False, address="00:00:00:00:00:00")
    make_nic(
        tmp_path,
        "eth0",
        physical=True,
        address="52:54:00:AB:00:01\n",
        carrier="1\n",
        speed="10000\n",
    )
    (nic,) = SysfsNicLister(SysRoot(tmp_path), lambda _: ("192.0.2.7", None), unknown).list_nics()
    assert (nic.name, nic.mac, nic.has_carrier, nic.ipv4) == (
        "eth0",
        "52:54:00:ab:00:01",
        True,
        "192.0.2.7",
    )
    assert (nic.vendor, nic.pci_address, nic.speed_mbps) == ("0x8086", "0000:00:02.0", 10000)


def test_a_speed_of_minus_one_means_not_known(tmp_path: Path) -> None:
    make_nic(tmp_path, "eth0", physical=True, address="52:54:00:ab:00:01", speed="-1")
    (nic,) = SysfsNicLister(SysRoot(tmp_path), lambda _: (None, None), unknown).list_nics()
    assert (nic.speed_mbps, nic.has_carrier) == (None, False)


def test_a_machine_without_interfaces_has_an_empty_list(tmp_path: Path) -> None:
    assert SysfsNicLister(SysRoot(tmp_path), lambda _: (None, None), unknown).list_nics() == ()


def test_a_card_is_known_by_the_address_it_was_made_with(tmp_path: Path) -> None:
    """As a member of a bond it has the bond's."""
    make_nic(tmp_path, "eth0", physical=True, address="52:54:00:ab:00:01")
    (tmp_path / "sys/devices/pci0000:00/0000:00:02.0/index").write_text("1\n")
    lister = SysfsNicLister(
        SysRoot(tmp_path), lambda _: (None, None), lambda _: "52:54:00:AB:00:02"
    )
    (nic,) = lister.list_nics()
    assert (nic.mac, nic.bios_name) == ("52:54:00:ab:00:02", "em1")


def test_vlans_and_bonds_are_listed_and_bridges_are_not(tmp_path: Path) -> None:
    address = "52:54:00:ab:00:01"
    for name, kind in (("eth0.7", "vlan"), ("bond0", "bond"), ("br0", "bridge")):
        text = f"DEVTYPE={kind}\nINTERFACE={name}\nIFINDEX=4\n"
        make_nic(tmp_path, name, physical=False, address=address, uevent=text)
    nics = SysfsNicLister(SysRoot(tmp_path), lambda _: (None, None), unknown).list_nics()
    assert [nic.name for nic in nics] == ["bond0", "eth0.7"]
    assert nics[0].pci_address is None


def test_a_card_with_an_address_that_every_machine_has_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_nic(tmp_path, "usb0", physical=True, address="fa:16:3e:00:00:01")
    lister = SysfsNicLister(SysRoot(tmp_path), lambda _: (None, None), unknown)
    assert lister.list_nics() == lister.list_nics() == ()
    assert [record.getMessage() for record in caplog.records] == [
        "interface left out: its address is one that machines share"
    ]
