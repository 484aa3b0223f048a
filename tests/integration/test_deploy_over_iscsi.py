"""The deploy interface ``iscsi``: the workflow, with a stand-in of the agent whose disk a real target exports, and real image writers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.protocol.lun_writing import Login
from controller.errors import Invalid
from controller.workflow.stages.iscsi import WRITER, end_unwanted
from tests.integration.disk_images import MIB, RawImage, gpt_image, sha256
from tests.integration.image_server import ImageServer, image_server
from tests.integration.running_controller import MachineBmc, RunningController, running_controller
from tests.integration.tgt_server import TgtServer, tgt_server
from tests.integration.waiting import wait_until

SIZE = 64 * MIB
START, STOP = "start_iscsi_target", "stop_iscsi_target"


class Site:
    """A controller, an image, and a machine whose disk is exported when it is ordered so."""

    def __init__(
        self, controller: RunningController, target: TgtServer, server: ImageServer, raw: RawImage
    ) -> None:
        self.controller, self.target, self.server, self.raw = controller, target, server, raw
        self.logins: list[Login] = []
        self.images = Path(controller.settings.image_directory)
        self.is_offered = True
        """Else another machine's agent would be asked: the export is told, and is not there."""

    def enrol(self, **info: Any) -> MachineBmc:
        image = {
            "image_source": self.server.serve("image.raw", self.raw.content),
            "image_os_hash_algo": "sha256",
            "image_os_hash_value": sha256(self.raw.content),
            "image_checksum": sha256(self.raw.content),
        }
        bmc = self.controller.enrol(
            "m1", interfaces={"boot": "fake", "deploy": "iscsi"}, instance_info={**image, **info}
        )
        bmc.machine.on_change = lambda what: self._on_change(bmc, what)
        return bmc

    def _on_change(self, bmc: MachineBmc, what: str) -> None:
        if what == f"order {START}":
            params = bmc.machine.orders[-1][1]
            login = msgspec.convert(params["login"], Login)
            self.logins.append(login)
            self.withdraw()
            self.target.offer(params["iqn"], login)
            if not self.is_offered:
                self.withdraw()
            export = msgspec.structs.replace(self.target.export, iscsi_target_iqn=params["iqn"])
            result = {"command_result": msgspec.to_builtins(export)}
            bmc.machine.behaviour.endings[START] = result
        if what == f"order {STOP}":
            self.withdraw()

    def withdraw(self) -> None:
        with contextlib.suppress(Exception):
            self.target.withdraw()

    def watched(self) -> str:
        """Wait until the disk is written, and return the name of the writer."""
        wait_until(
            lambda: self.controller.node("m1").stage == "deploy.iscsi.watch", 20, "the write"
        )
        work = self.controller.node("m1").work
        assert work is not None
        return str(work.data[WRITER])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path) as found:
        yield found


@contextlib.contextmanager
def a_site(tmp_path: Path, **more: Any) -> Iterator[Site]:
    folder = tmp_path / "target"
    folder.mkdir()
    with image_server() as server, tgt_server(folder, SIZE) as target:
        images = tmp_path / "images"
        images.mkdir()
        settings = {
            "iscsi_portal_port": target.port,
            "default_boot_mode": "uefi",
            "image_directory": str(images),
            **more,
        }
        with running_controller(tmp_path, **settings) as controller:
            try:
                yield Site(controller, target, server, gpt_image(tmp_path))
            finally:
                controller.services.lun_writers.close()


def test_the_disk_that_the_agent_exports_is_written_and_made_bootable(site: Site) -> None:
    bmc = site.enrol()
    site.controller.ask("m1", "active")
    node = site.controller.wait_for("m1", "active", 60)
    assert site.target.file.read_bytes()[MIB : 40 * MIB] == site.raw.content[MIB : 40 * MIB]
    receipt = node.driver_internal_info["image_receipt"]
    assert receipt["digest"] == "sha256:" + sha256(site.raw.content)
    assert receipt["disk"] == "/dev/sda"
    assert node.progress is None
    names = [name for name, _ in bmc.machine.orders]
    assert "write_image" not in names
    assert names.index(START) < names.index(STOP) < names.index("install_bootloader")
    (order,), (end,) = bmc.machine.ordered(START), bmc.machine.ordered(STOP)
    assert order["portal_address"] == "127.0.0.1"
    assert order["iqn"] == f"iqn.2008-10.org.openstack:{node.uuid}"
    assert end == {"is_written": True}
    said = " ".join(event.message for event in site.controller.events("m1"))
    assert "/dev/sda is exported at 127.0.0.1:" in said
    assert "a sample of" in said
    (login,) = site.logins
    assert login.password not in said + str(node.driver_internal_info)
    assert site.controller.services.lun_writers.reserve(1) is not None


def test_a_failed_write_says_where_and_the_export_is_ended(site: Site) -> None:
    site.is_offered = False
    bmc = site.enrol()
    site.controller.ask("m1", "active")
    node = site.controller.wait_for("m1", "deploy failed", 60)
    assert node.last_error is not None
    assert "m1: write_image over iSCSI failed: iSCSI: no login at iqn." in node.last_error
    assert f"on 127.0.0.1:{site.target.port}" in node.last_error
    assert bmc.machine.ordered(STOP) == [{}]


@pytest.mark.long
def test_an_agent_that_cannot_export_is_named_with_the_way_out(site: Site) -> None:
    bmc = site.enrol()
    bmc.machine.behaviour.unknown.add(START)
    site.controller.ask("m1", "active")
    node = site.controller.wait_for("m1", "deploy failed", 60)
    assert "needs a ramdisk of Ingot" in str(node.last_error)
    assert "deploy interface direct" in str(node.last_error)
    assert site.controller.services.lun_writers.reserve(1) is not None


def test_another_controllers_write_is_begun_again_with_another_login(site: Site) -> None:
    bmc = site.enrol()
    fall_silent(site)
    site.controller.ask("m1", "active")
    first = site.watched()
    site.controller.services.lun_writers.end(first)  # as if this process had never known it
    site.server.serve("image.raw", site.raw.content)
    node = site.controller.wait_for("m1", "active", 60)
    assert node.last_error is None
    assert len(bmc.machine.ordered(START)) == 2
    assert site.logins[0].password != site.logins[1].password
    said = [event.message for event in site.controller.events("m1")]
    assert any("it is begun again" in text for text in said)


@pytest.mark.long
def test_a_write_that_stands_still_is_ended_with_its_export(tmp_path: Path) -> None:
    with a_site(tmp_path, iscsi_silence_timeout_s=1.0) as site:
        bmc = site.enrol()
        fall_silent(site)
        site.controller.ask("m1", "active")
        name = site.watched()
        node = site.controller.wait_for("m1", "deploy failed", 60)
        assert "write_image over iSCSI has not moved for 1 s" in str(node.last_error)
        assert site.controller.services.lun_writers.look(name) is None
        assert bmc.machine.ordered(STOP) == [{}]


def fall_silent(site: Site) -> None:
    """Have the image's server fall silent in the middle of the image."""
    site.server.serve("image.raw", site.raw.content, stalls=[8 * MIB] * 9)


@pytest.mark.long
def test_a_deleted_deployments_writer_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.enrol()
    fall_silent(site)
    site.controller.ask("m1", "active")
    name = site.watched()
    writers = site.controller.services.lun_writers
    monkeypatch.setattr("controller.images.lun_writers._YOUNG_S", 0.0)
    end_unwanted(site.controller.services)
    assert writers.look(name) is not None, "it is still wanted"
    site.controller.ask("m1", "deleted")
    site.controller.wait_for("m1", "available", 60)
    end_unwanted(site.controller.services)
    assert writers.look(name) is None


@pytest.mark.long
def test_a_machine_that_is_switched_off_in_the_middle_fails(site: Site) -> None:
    bmc = site.enrol()
    fall_silent(site)
    site.controller.ask("m1", "active")
    site.watched()
    bmc.machine.power_off()
    site.withdraw()
    node = site.controller.wait_for("m1", "deploy failed", 90)
    assert "over iSCSI" in str(node.last_error)


def test_a_deployment_waits_while_as_many_are_written_as_may_be(site: Site) -> None:
    bmc, writers = site.enrol(), site.controller.services.lun_writers
    most = site.controller.settings.iscsi_writers
    taken = [writers.reserve(most) for _ in range(most)]
    site.controller.ask("m1", "active")

    def phase() -> str:
        return str((site.controller.node("m1").progress or {}).get("phase"))

    wait_until(lambda: phase() == "queue", 20, "the node in the queue")
    assert site.controller.node("m1").provision_state == "wait call-back"
    assert bmc.machine.ordered(START) == [], "nothing is exported before its time"
    writers.give_back(str(taken[0]))
    assert site.controller.wait_for("m1", "active", 60).last_error is None


@pytest.mark.long
def test_a_file_of_the_controllers_own_machine_is_written(site: Site) -> None:
    site.enrol(image_source=f"file://{site.images}/image.raw")
    (site.images / "image.raw").write_bytes(site.raw.content)
    site.controller.ask("m1", "active")
    site.controller.wait_for("m1", "active", 60)
    assert site.target.file.read_bytes()[MIB : 40 * MIB] == site.raw.content[MIB : 40 * MIB]


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"image_source": "file:///etc/shadow"}, "below image_directory"),
        ({"image_source": "file:///{images}/../secret"}, "below image_directory"),
        ({"image_type": "partition", "root_gb": 1}, "writes images of whole disks"),
        ({"image_os_hash_value": "zz"}, "image_os_hash_value"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_machine_is_touched(
    site: Site, info: dict[str, Any], words: str
) -> None:
    images = str(site.images)
    bmc = site.enrol(**{key: str(value).format(images=images) for key, value in info.items()})
    with pytest.raises(Invalid, match=words):
        site.controller.ask("m1", "active")
    assert bmc.calls == []


def test_a_missing_library_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.enrol()
    monkeypatch.setattr("controller.images.lun_writer.LIBRARY", "libiscsi.so.none")
    with pytest.raises(Invalid, match="install the package libiscsi7"):
        site.controller.ask("m1", "active")
