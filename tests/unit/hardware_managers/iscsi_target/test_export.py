"""An export is made for one login alone, and nothing of it is left when it ends or fails, whoever made it."""

import errno
from pathlib import Path

import pytest

from agent.errors import CommandFailed, ExportError
from agent.hardware.exporting import ExportWish
from agent.protocol.lun_writing import Login
from hardware_managers.iscsi_target.exporter import LioExporter
from hardware_managers.iscsi_target.manager import probe
from hardware_managers.iscsi_target.plan import Folder, Link, Setting, plan_export, portal
from tests.unit.fakes import FakeRunner
from tests.unit.hardware_managers.iscsi_target.configfs_double import ConfigFs

TARGET = "iqn.2008-10.org.openstack:75fe"
INITIATOR = "iqn.2008-10.org.openstack:75fe.conductor"
GROUP = f"iscsi/{TARGET}/tpgt_1"
WISH = ExportWish(
    disk=Path("/dev/sda"),
    target=TARGET,
    unit=1,
    address="192.0.2.7",
    port=3260,
    login=Login(
        initiator=INITIATOR,
        username="ann",
        password="geheim-123456",
        target_username="machine",
        target_password="target-123456",
    ),
)


@pytest.fixture
def kernel(tmp_path: Path) -> ConfigFs:
    return ConfigFs(tmp_path)


def exporter(kernel: ConfigFs) -> LioExporter:
    return LioExporter(FakeRunner({}), kernel.root)


def test_the_plan_lets_one_initiator_in_with_secrets_both_ways_and_opens_last() -> None:
    steps = plan_export(WISH)
    settings = {step.path: step.value for step in steps if isinstance(step, Setting)}
    assert settings[f"{GROUP}/attrib/authentication"] == "1"
    assert settings[f"{GROUP}/attrib/generate_node_acls"] == "0"
    access = f"{GROUP}/acls/{INITIATOR}"
    assert settings[f"{access}/auth/userid"] == "ann"
    assert settings[f"{access}/auth/password"] == "geheim-123456"
    assert settings[f"{access}/auth/userid_mutual"] == "machine"
    assert settings[f"{access}/auth/password_mutual"] == "target-123456"
    assert settings[f"{access}/attrib/nopin_timeout"] == "0"
    assert steps[-1] == Setting(f"{GROUP}/enable", "1")
    assert Folder(f"{GROUP}/np/192.0.2.7:3260") in steps
    assert Link(f"{GROUP}/lun/lun_1/disk", "core/iblock_0/ingot") in steps
    assert [step for step in steps if isinstance(step, Folder) and "/acls/" in step.path] == [
        Folder(access),
        Folder(f"{access}/lun_1"),
    ]


def test_no_secret_is_shown_with_the_plan() -> None:
    assert "geheim" not in repr(plan_export(WISH))
    assert "target-123456" not in repr(WISH)


@pytest.mark.parametrize(
    ("address", "shown"), [("192.0.2.7", "192.0.2.7:3260"), ("2001:db8::7", "[2001:db8::7]:3260")]
)
def test_addresses_are_written_as_iscsi_does(address: str, shown: str) -> None:
    assert portal(address, 3260) == shown


@pytest.mark.parametrize("address", ["", "machine", "192.0.2.7/../..", "192.0.2.7:1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ExportError, match="no IP address"):
        portal(address, 3260)


def test_an_export_is_made_and_ends_without_a_trace(kernel: ConfigFs) -> None:
    with kernel.at_work():
        one = exporter(kernel)
        one.export(WISH)
        access = f"{GROUP}/acls/{INITIATOR}"
        assert f"{access}/lun_1/disk" in kernel.tree()
        assert f"{GROUP}/np/192.0.2.7:3260" in kernel.tree()
        assert (kernel.root / "target" / GROUP / "lun/lun_1/disk").resolve().name == "ingot"
        assert exporter(kernel).end() == (Path("/dev/sda"),)
        assert kernel.written[-1] == (f"{GROUP}/enable", "0")
        assert kernel.tree() == []
        assert exporter(kernel).end() == ()


@pytest.mark.parametrize(
    ("end_of_path", "code", "words"),
    [
        ("ingot/enable", errno.EBUSY, "/dev/sda: cannot be exported, .*something uses it"),
        ("np/192.0.2.7:3260", errno.EADDRNOTAVAIL, "on 192.0.2.7 port 3260: .*the port free"),
        ("tpgt_1/enable", errno.EINVAL, "/dev/sda: cannot be exported: enable: "),
        ("auth/password", errno.EINVAL, "password: Invalid argument"),
    ],
)
def test_nothing_is_left_of_an_export_that_fails(
    kernel: ConfigFs, end_of_path: str, code: int, words: str
) -> None:
    kernel.refused = (end_of_path, code)
    with kernel.at_work():
        with pytest.raises(ExportError, match=words) as caught:
            exporter(kernel).export(WISH)
        assert "geheim" not in str(caught.value)
        kernel.refused = None
        exporter(kernel).end()
        assert kernel.tree() == []


def test_an_export_of_somebody_else_stays(kernel: ConfigFs) -> None:
    with kernel.at_work():
        root = kernel.root / "target"
        group = root / "iscsi/iqn.2026-01.org.example:other/tpgt_1"
        unit = group / "lun/lun_0"
        driver = root / "core/iblock_0"
        for folder in (driver, driver / "other", root / "iscsi", group.parent, group, unit):
            folder.mkdir()
        (unit / "disk").symlink_to(root / "core/iblock_0/other")
        before = kernel.tree()
        one = exporter(kernel)
        one.export(WISH)
        one.end()
        assert kernel.tree() == before


def test_a_kernel_without_the_modules_is_named(tmp_path: Path) -> None:
    line = "modprobe -a configfs target_core_mod target_core_iblock iscsi_target_mod"
    runner = FakeRunner({line: CommandFailed("modprobe: not found")})
    with pytest.raises(ExportError, match=r"kernel cannot export disks: .*iscsi_target_mod"):
        LioExporter(runner, tmp_path).export(WISH)


def test_every_machine_is_offered_it() -> None:
    assert probe(FakeRunner({})).disk_exporter is not None
