"""The archive of logs: its first page, udev's facts, and its limits."""

import base64
import gzip
import io
import json
import random
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import cast

from agent.commands.log_summary import SummarySources, smart_words, write_summary
from agent.commands.system_logs import PROGRAMS, SUMMARY, SystemLogs, pack, udev_members
from agent.errors import AgentError, CommandFailed
from agent.hardware.devices import (
    BlockDevice,
    BootEnvironment,
    MainMemory,
    NetworkInterface,
    Processor,
    SystemIdentity,
)
from agent.hardware.reading import MachineView
from agent.protocol.commands import CommandError, CommandResult, CommandStatus, Progress
from agent.system.status import StatusBoard, Trouble
from tests.unit.fakes import FakeRunner, disk

SMART = "smartctl --json --health /dev/vda"


class Machine:
    """The chain and its reader in one."""

    def machine_reader(self) -> "Machine":
        return self

    def identity(self) -> SystemIdentity:
        return SystemIdentity(product_name="R1", serial_number="S1", manufacturer="ACME")

    def boot_environment(self) -> BootEnvironment:
        return BootEnvironment(mode="uefi", pxe_mac="52:54:00:00:00:01")

    def processor(self) -> Processor:
        return Processor(
            model_name="CPU", frequency_mhz="", count=4, architecture="x86_64", flags=()
        )

    def memory(self) -> MainMemory:
        return MainMemory(total_bytes=2 << 30)

    def disks(self) -> tuple[BlockDevice, ...]:
        return (replace(disk(), model="QEMU", serial="D1", transport="virtio"),)

    def nics(self) -> tuple[NetworkInterface, ...]:
        raise AgentError("/sys is not mounted")


def sources(**answers: str | CommandFailed) -> SummarySources:
    board = StatusBoard(lambda: 5.0)
    board.write(phase="waiting for orders", node="n-1", controller="http://c", url="https://me")
    board.heard()
    failed = CommandResult(
        id="1",
        command_name="prepare_image",
        command_status=CommandStatus.FAILED,
        command_error=CommandError(type="E", code=500, message="m", details="no disk\nfits"),
    )
    running = CommandResult(
        id="2",
        command_name="erase_devices",
        command_status=CommandStatus.RUNNING,
        progress=Progress(phase="erase", bytes_done=7),
    )
    return SummarySources(
        version="1.0",
        hardware=cast("MachineView", Machine()),
        board=board,
        runner=FakeRunner({SMART: answers.get("smart", "{}")}),
        commands=lambda: (failed, running),
        troubles=lambda: (Trouble(uptime_s=1.5, level=40, text="old"),),
    )


def test_the_first_page_tells_machine_controller_orders_troubles_disks_and_cards() -> None:
    page = write_summary(sources(smart='{"smart_status": {"passed": false}}'))
    lines = [line.strip() for line in page.splitlines()]
    assert lines[0].startswith("Ingot agent 1.0; written 20")
    for expected in (
        "ACME R1, serial S1",
        "UUID unknown, booted in uefi mode from 52:54:00:00:00:01",
        "firmware unknown",
        "node n-1; the agent is waiting for orders",
        "last heard 0 s ago",
        "erase_devices: running (erase, 7 bytes)",
        "prepare_image: failed: no disk fits",
        "[    1.500] old",
        "/dev/vda: 8.0 GiB solid, virtio, QEMU, serial D1; SAYS THAT IT IS FAILING",
        "not known: /sys is not mounted",
    ):
        assert expected in lines


def test_a_drive_says_how_it_is_or_why_nobody_knows() -> None:
    def words(answer: str | CommandFailed) -> str:
        return smart_words(disk(), FakeRunner({SMART: answer}))

    assert words('{"smart_status": {"passed": true}}') == "says that it is healthy"
    assert words('{"smartctl": {"exit_status": 2}}') == "says nothing of its health"
    assert words("no JSON") == "says nothing of its health"
    assert words(CommandFailed("smartctl: program not found")).startswith("health not known: smart")


def test_the_page_is_the_first_member_and_has_no_secret() -> None:
    answers = {" ".join(argv): "fine" for _, argv in PROGRAMS}
    logs = SystemLogs(FakeRunner(answers), (), lambda: ("TOKEN1",), lambda: "token TOKEN1")
    packed = io.BytesIO(base64.b64decode(logs.collect()["system_logs"]))
    with tarfile.open(fileobj=packed) as archive:
        first = archive.getmembers()[0]
        page = archive.extractfile(first)
        assert first.name == SUMMARY
        assert page is not None
        assert page.read() == b"token ******"
        assert {"lsblk", "lsblk-full", "mdstat", "mount", "multipath", "parted", "ps"} <= set(
            archive.getnames()
        )


def test_block_devices_of_udev_are_members_of_their_own() -> None:
    export = (
        "P: /devices/x/block/sda\nN: sda\nE: DEVNAME=/dev/sda\nE: SUBSYSTEM=block\nE: ID_A=b=c\n\n"
        "P: /devices/y\nE: SUBSYSTEM=pci\n\n"
        "P: /devices/z\nN: cciss/c0d0\nE: SUBSYSTEM=block\n"
    )
    members = udev_members(export)
    assert sorted(members) == ["udev/cciss!c0d0", "udev/sda"]
    assert json.loads(members["udev/sda"])["ID_A"] == "b=c"
    assert udev_members("udevadm: exit status 1") == {}


def test_an_archive_that_would_be_too_long_has_the_ends_of_its_members(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(6 << 20).decode("latin-1")
    packed = pack({"summary.txt": "short", "log": f"{noise}the end", "more": noise})
    assert len(packed) <= 5 << 20
    unpacked = gzip.decompress(packed)
    assert b"short" in unpacked
    assert b"the end" in unpacked
    assert b"bytes are left out]" in unpacked
