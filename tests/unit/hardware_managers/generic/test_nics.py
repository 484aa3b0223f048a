from pathlib import Path

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
    (nic,) = SysfsNicLister(SysRoot(tmp_path), lambda _: ("192.0.2.7", None)).list_nics()
    assert (nic.name, nic.mac, nic.has_carrier, nic.ipv4) == (
        "eth0",
        "52:54:00:ab:00:01",
        True,
        "192.0.2.7",
    )
    assert (nic.vendor, nic.pci_address, nic.speed_mbps) == ("0x8086", "0000:00:02.0", 10000)


def test_a_speed_of_minus_one_means_not_known(tmp_path: Path) -> None:
    make_nic(tmp_path, "eth0", physical=True, address="52:54:00:ab:00:01", speed="-1")
    (nic,) = SysfsNicLister(SysRoot(tmp_path), lambda _: (None, None)).list_nics()
    assert (nic.speed_mbps, nic.has_carrier) == (None, False)


def test_a_machine_without_interfaces_has_an_empty_list(tmp_path: Path) -> None:
    assert SysfsNicLister(SysRoot(tmp_path), lambda _: (None, None)).list_nics() == ()
