"""The image pipeline over iSCSI, against a real target: what is on the disk, and what becomes of it when something is wrong."""

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.disks.iscsi.session import Lun, Session
from agent.errors import AgentError
from agent.lun_writer import carry_out
from agent.protocol.commands import Progress
from agent.protocol.config_drive import pack
from agent.protocol.image import ImageInfo
from agent.protocol.lun_writing import WriteOrder
from agent.protocol.receipt import Receipt
from controller.images.lun_writer import LunWriter
from tests.integration.disk_images import MIB, RawImage, gpt_image, qcow2, run, sha256
from tests.integration.image_server import ImageServer, image_server
from tests.integration.tgt_server import LOGIN, Door, TgtServer, tgt_server
from tests.integration.waiting import wait_until

SIZE = 64 * MIB
NOISE = b"something of an older system" * 40_000
TAIL = 34 * 512


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as found:
        yield found


@pytest.fixture
def target(tmp_path: Path) -> Iterator[TgtServer]:
    with tgt_server(tmp_path, SIZE, content=NOISE) as found:
        yield found


def published(server: ImageServer, content: bytes, **more: str) -> ImageInfo:
    url = server.serve("image", content)
    digest = {"os_hash_algo": "sha256", "os_hash_value": sha256(content)}
    return ImageInfo(id="image", urls=[url], **{**digest, **more})  # type: ignore[arg-type]  # test's own words


def write(order: WriteOrder, *, timeout_s: int = 20) -> tuple[Receipt, list[Progress]]:
    reports: list[Progress] = []

    def connect(lun: Lun) -> Session:
        return Session(lun, timeout_s=timeout_s)

    return carry_out(order, reports.append, connect), reports


def fails(order: WriteOrder, *, timeout_s: int = 20) -> str:
    with pytest.raises(AgentError) as caught:
        write(order, timeout_s=timeout_s)
    assert LOGIN.password not in str(caught.value)
    return str(caught.value)


def assert_holds(target: TgtServer, raw: RawImage) -> None:
    end = len(raw.content) - TAIL
    assert target.file.read_bytes()[MIB:end] == raw.content[MIB:end]
    assert b"No problems found" in run("sgdisk", "--verify", str(target.file))


def assert_unbootable(target: TgtServer) -> None:
    content = target.file.read_bytes()
    assert not any(content[:MIB])
    assert not any(content[-TAIL:])


def assert_untouched(target: TgtServer) -> None:
    assert target.file.read_bytes()[: len(NOISE)] == NOISE


@pytest.mark.parametrize(
    "kind",
    [
        "qcow2",
        pytest.param("raw", marks=pytest.mark.long),
        pytest.param("raw.gz", marks=pytest.mark.long),
    ],
)
def test_every_format_arrives_and_is_read_back(
    tmp_path: Path, server: ImageServer, target: TgtServer, kind: str
) -> None:
    raw = gpt_image(tmp_path)
    content = {
        "raw": lambda: raw.content,
        "raw.gz": lambda: gzip.compress(raw.content, 1),
        "qcow2": lambda: qcow2(raw),
    }[kind]()
    receipt, reports = write(target.order(published(server, content), verify="whole"))
    assert_holds(target, raw)
    assert receipt.digest == "sha256:" + sha256(content)
    assert (receipt.disk, receipt.serial, receipt.verified) == ("/dev/sda", "S3RIAL", "whole")
    assert receipt.compared_bytes > 40 * MIB
    assert [phase.phase for phase in receipt.phases][:2] == ["connect", "write"]
    assert max(report.bytes_done or 0 for report in reports) >= len(content)


def test_a_config_drive_gets_its_partition(
    tmp_path: Path, server: ImageServer, target: TgtServer
) -> None:
    raw, tree = gpt_image(tmp_path), tmp_path / "tree"
    tree.mkdir()
    (tree / "meta").write_text("hello")
    iso = run("genisoimage", "-quiet", "-V", "config-2", "-r", str(tree))
    with target.file.open("r+b") as grown:
        grown.truncate(160 * MIB)
    target.tgtadm("logicalunit", "delete", "--tid", "1", "--lun", "1")
    unit = ("--tid", "1", "--lun", "1", "--backing-store", str(target.file))
    target.tgtadm("logicalunit", "new", *unit)
    write(target.order(published(server, raw.content), configdrive=pack(iso)))
    table = run("sfdisk", "--dump", str(target.file)).decode()
    (start,) = [
        int(line.split("start=")[1].split(",")[0])
        for line in table.splitlines()
        if "config-2" in line
    ]
    assert target.file.read_bytes()[start * 512 :][: len(iso)] == iso


@pytest.mark.long
def test_an_image_that_ends_inside_a_sector_of_4096_bytes_is_taken_to_its_end(
    tmp_path: Path, server: ImageServer
) -> None:
    raw = bytes(510) + b"\x55\xaa" + bytes(3 * MIB) + b"x" * (MIB + 100)
    with tgt_server(tmp_path, SIZE, sector_bytes=4096) as target:
        message = fails(target.order(published(server, raw)))
        assert "partition table" in message
        assert_unbootable(target)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong-1234567"}, "Authentication fail"),
        ({"target_password": "wrong-1234567"}, "CHAP_R response from the target"),
        ({"initiator": "iqn.2026-01.org.example:stranger"}, "no login"),
    ],
)
def test_a_wrong_login_is_refused_by_either_side(
    tmp_path: Path, server: ImageServer, target: TgtServer, changes: dict[str, str], words: str
) -> None:
    login = msgspec.structs.replace(LOGIN, **changes)
    order = target.order(published(server, gpt_image(tmp_path).content), login=login)
    message = fails(order)
    assert words in message
    assert target.portal in message
    assert_untouched(target)


@pytest.mark.long
def test_an_image_that_is_larger_than_the_disk_is_refused_before_the_first_byte(
    server: ImageServer, target: TgtServer, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path, size_bytes=80 * MIB)
    message = fails(target.order(published(server, raw.content)))
    assert f"needs {80 * MIB} bytes, /dev/sda has {SIZE}" in message
    assert_untouched(target)


@pytest.mark.long
def test_another_disk_than_the_agent_told_of_is_not_written(
    tmp_path: Path, server: ImageServer, target: TgtServer
) -> None:
    export = target.export
    disk = msgspec.structs.replace(export.disk, size_bytes=2 * SIZE)
    export = msgspec.structs.replace(export, disk=disk)
    message = fails(target.order(published(server, gpt_image(tmp_path).content), export=export))
    assert f"the agent told of {2 * SIZE}" in message
    assert_untouched(target)


def test_a_partition_image_is_refused(server: ImageServer, target: TgtServer) -> None:
    image = published(server, b"x" * MIB, image_type="partition", root_mb="64")
    message = fails(target.order(image))
    assert "deploy interface direct" in message
    assert_untouched(target)


def test_a_wrong_checksum_leaves_a_disk_that_cannot_boot(
    tmp_path: Path, server: ImageServer, target: TgtServer
) -> None:
    raw = gpt_image(tmp_path)
    image = msgspec.structs.replace(published(server, raw.content), os_hash_value="0" * 64)
    message = fails(target.order(image))
    assert "expected was 0000" in message
    assert_unbootable(target)


def test_a_target_that_drops_in_the_middle_is_named_with_the_place(
    tmp_path: Path, server: ImageServer, target: TgtServer
) -> None:
    raw = gpt_image(tmp_path)
    with contextlib.closing(Door(target.port, after_bytes=8 * MIB)) as door:
        order = target.order(published(server, raw.content), portal=door.portal)
        message = fails(order)
    assert message.startswith(f"/dev/sda over iSCSI ({door.portal}): write")
    assert " at byte " in message
    assert_unbootable(target)


@pytest.mark.parametrize("after_bytes", [0, pytest.param(8 * MIB, marks=pytest.mark.long)])
def test_a_target_that_falls_silent_is_given_up(
    tmp_path: Path, server: ImageServer, target: TgtServer, after_bytes: int
) -> None:
    raw = gpt_image(tmp_path)
    with contextlib.closing(Door(target.port, after_bytes=after_bytes, is_silent=True)) as door:
        order = target.order(published(server, raw.content), portal=door.portal)
        message = fails(order, timeout_s=1)
    assert door.portal in message
    if after_bytes:
        assert_unbootable(target)
    else:
        assert_untouched(target)


def test_a_machine_that_stands_still_holds_up_nobody_else(
    tmp_path: Path, server: ImageServer, target: TgtServer
) -> None:
    raw = gpt_image(tmp_path)
    image = published(server, raw.content)
    with contextlib.closing(Door(target.port, after_bytes=0, is_silent=True)) as door:
        still = LunWriter(target.order(image, portal=door.portal), total_s=120.0)
        other = LunWriter(target.order(image), total_s=120.0)
        try:
            wait_until(lambda: other.has_ended, 60, "the other write")
            assert other.look().receipt is not None, other.look().error
            assert not still.has_ended
        finally:
            still.end()
            other.end()
    assert_holds(target, raw)


@pytest.mark.long
def test_nobody_who_listens_is_told_at_once(
    tmp_path: Path, server: ImageServer, target: TgtServer
) -> None:
    with contextlib.closing(Door(target.port, after_bytes=0)) as door:
        portal = door.portal
    image = published(server, gpt_image(tmp_path).content)
    assert f"on {portal}: " in fails(target.order(image, portal=portal))
