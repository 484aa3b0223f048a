"""``ingot-agent write-image``: the program itself, on loop devices, with and without a terminal."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.by_hand.order import make_order
from agent.by_hand.write_image import ImageByHand
from agent.by_hand.write_image import Terminal as PlainTerminal
from agent.cli import build_parser
from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.devices import BlockDevice
from agent.hardware.registry import Hardware
from agent.images.preparation import WriterSettings
from agent.images.writer import StreamingImageWriter
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, mbr_image, qcow2, run, sha256
from tests.integration.image_server import ImageServer
from tests.integration.loop_disk import NOISE, LoopDisk, loop_disk
from tests.integration.terminal import Terminal, on_terminal

pytestmark = pytest.mark.root
DISK_BYTES = 160 * MIB
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    sys.executable,
    "-c",
    "import sys; from agent.cli import main; sys.exit(main(sys.argv[1:]))",
    "write-image",
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PATIENCE_S = 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, DISK_BYTES) as made:
        yield made


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """A config drive as an ISO 9660 file."""
    folder = tmp_path / "drive/openstack/latest"
    folder.mkdir(parents=True)
    (folder / "meta_data.json").write_text('{"uuid": "1"}')
    file = tmp_path / "drive.iso"
    run("genisoimage", "-quiet", "-V", "config-2", "-R", "-o", str(file), str(tmp_path / "drive"))
    return file


def write_image(disk: LoopDisk, url: str, content: bytes, *more: str) -> tuple[int, str]:
    """Do what the command does, in this process and without a terminal; return exit status and text."""
    flags = ["--url", url, "--checksum", f"sha256:{sha256(content)}", "--disk", str(disk.path)]
    options = build_parser().parse_args(["write-image", *flags, *more])
    out = io.StringIO()
    order = make_order(options, "sample")
    settings = WriterSettings(verify=order.verify)
    where = PlainTerminal(out, io.StringIO())
    listed = disk.device()

    class Lister:
        def list_disks(self) -> tuple[BlockDevice, ...]:
            return (listed,)

    manager = HardwareManager(
        name="by hand",
        version="1",
        support=Support.GENERIC,
        disk_lister=Lister(),
        image_writer=StreamingImageWriter(HostRunner(), settings),
    )
    status = ImageByHand(order, settings, Hardware([manager]), HostRunner(), where).run()
    return status, out.getvalue()


def digest_of(disk: LoopDisk) -> str:
    return sha256(disk.file.read_bytes())


def flip(disk: LoopDisk, byte: int) -> None:
    with disk.file.open("r+b") as file:
        file.seek(byte)
        old = file.read(1)
        file.seek(byte)
        file.write(bytes([old[0] ^ 1]))


def test_a_dry_run_shows_the_plan_and_touches_nothing(
    server: ImageServer, disk: LoopDisk, raw: RawImage, drive: Path
) -> None:
    content = qcow2(raw)
    url = server.serve("debian.qcow2", content)
    before = digest_of(disk)
    status, said = write_image(disk, url, content, "--dry-run", "--config-drive", str(drive))
    assert status == 0, said
    assert digest_of(disk) == before
    for words in (
        f"image        {url}",
        f"qcow2, {len(content) / 1e6:.1f} MB to fetch, 50.3 MB on the disk",
        f"sha256:{sha256(content)}, from the command line",
        f"{disk.path}, 167.8 MB, sectors of 512 bytes",
        "no partition table that can be read",
        "write the config drive and read it back",
        "dry run: nothing was written",
    ):
        assert words in said
    steps = re.findall(r"^(\d+)\. ", said, re.MULTILINE)
    assert steps == [str(number) for number in range(1, len(steps) + 1)]


def test_an_image_is_written_compared_and_found_wrong_at_the_byte(
    server: ImageServer, disk: LoopDisk, raw: RawImage, drive: Path
) -> None:
    content = qcow2(raw)
    url = server.serve("debian.qcow2", content)
    flags = ("--config-drive", str(drive))
    status, said = write_image(disk, url, content, "--yes", "--read-back", "whole", *flags)
    assert status == 0, said
    assert "written: 50.3 MB" in said
    assert "\x1b" not in said
    assert "No problems found" in disk.run("sgdisk", "--verify")

    status, said = write_image(disk, url, content, "--verify-only", *flags)
    assert status == 0, said
    assert "partition 3 holds a config drive and is not compared" in said
    assert f"the same: {disk.path} holds the image" in said
    _, plan = write_image(disk, url, content, "--dry-run")
    assert "GPT with 3 partitions" in plan
    assert "label config-2" in plan

    for byte in (
        300,  # boot code
        800_000,  # between the table and the first partition
        MIB,
        10 * MIB + 17,
        len(raw.content) - 1,
        DISK_BYTES - 600,  # in the header of the backup table
    ):
        flip(disk, byte)
        status, said = write_image(disk, url, content, "--verify-only", *flags)
        assert status == 3, (byte, said)
        assert f"differs: {disk.path}: byte " in said
        named = re.search(r"differs: \S+ byte (\d+): ", said)
        assert named
        assert int(named[1]) in {
            byte,
            DISK_BYTES - 512,
        }  # the header's own checksum may be the first
        flip(disk, byte)


def test_a_changed_config_drive_is_seen_only_by_who_names_it(
    server: ImageServer, disk: LoopDisk, raw: RawImage, drive: Path
) -> None:
    url = server.serve("image.raw", raw.content)
    flags = ("--config-drive", str(drive))
    assert write_image(disk, url, raw.content, "--yes", *flags)[0] == 0
    at = disk.file.read_bytes().index(b'{"uuid": "1"}')
    flip(disk, at)
    assert write_image(disk, url, raw.content, "--verify-only")[0] == 0
    status, said = write_image(disk, url, raw.content, "--verify-only", *flags)
    assert status == 3
    assert f"byte {at}: the config drive" in said


def test_an_mbr_disk_is_compared_too(server: ImageServer, disk: LoopDisk, tmp_path: Path) -> None:
    image = mbr_image(tmp_path)
    url = server.serve("mbr.raw", image.content)
    assert write_image(disk, url, image.content, "--yes")[0] == 0
    assert write_image(disk, url, image.content, "--verify-only")[0] == 0
    flip(disk, 446 + 8)
    status, said = write_image(disk, url, image.content, "--verify-only")
    assert status == 3
    assert f"byte {446 + 8}: partition 1 in the table" in said


def test_a_disk_without_a_table_differs_in_its_table(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("image.raw", raw.content)
    status, said = write_image(disk, url, raw.content, "--verify-only")
    assert status == 3
    assert "differs" in said


def test_nobody_is_asked_without_a_terminal(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("image.raw", raw.content)
    before = digest_of(disk)
    status, said = write_image(disk, url, raw.content)
    assert status == 4
    assert "refused: there is no terminal to ask on; say --yes" in said
    assert digest_of(disk) == before


def test_a_disk_in_use_is_refused(server: ImageServer, disk: LoopDisk, raw: RawImage) -> None:
    url = server.serve("image.raw", raw.content)
    holder = os.open(disk.path, os.O_RDWR | os.O_EXCL)
    try:
        status, said = write_image(disk, url, raw.content, "--yes")
    finally:
        os.close(holder)
    assert status == 4
    assert "in use" in said
    assert f"nothing was written to {disk.path}" in said


def test_a_wrong_checksum_fails_and_says_what_is_left(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("image.raw", raw.content)
    status, said = write_image(disk, url, b"something else", "--yes")
    assert status == 1
    assert "failed: image.raw: its sha256 is" in said
    assert "was left without a partition table and cannot boot" in said
    status, said = write_image(disk, url, b"something else", "--verify-only")
    assert status == 1
    assert "nothing can be said of the disk" in said


def test_a_wrong_command_line_is_a_wrong_command_line(disk: LoopDisk) -> None:
    flags = ["--url", "http://127.0.0.1:9/i", "--checksum", "", "--disk", str(disk.path)]
    done = subprocess.run(
        [*PROGRAM, *flags],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "--checksum is empty" in done.stderr


@contextmanager
def terminal(disk: LoopDisk, url: str, content: bytes, *more: str) -> Iterator[Terminal]:
    flags = ["--url", url, "--checksum", f"sha256:{sha256(content)}", "--disk", str(disk.path)]
    background = ("env", "--ignore-signal=INT")  # as children of a job that a script starts
    with on_terminal([*background, *PROGRAM, *flags, *more], ENVIRONMENT) as made:
        yield made


def test_a_person_is_asked_and_sees_a_bar(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("image.raw", raw.content)
    with terminal(disk, url, raw.content) as screen:
        screen.wait_for(r"Everything on \S+ will be lost\. Write\? \[yes/no\] ")
        assert disk.read(0, MIB) == (NOISE * 2)[:MIB]
        screen.type("yes\n")
        assert screen.end() == 0
    bars = re.findall(r"\r\x1b\[2K(write +\[[#.]{24}\][^\r]*)", screen.seen)
    assert bars
    assert all(len(line) < 100 for line in bars)
    assert "100 %" in bars[-1]
    assert "written: 50.3 MB" in screen.seen


def test_another_answer_than_yes_is_a_no(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("image.raw", raw.content)
    with terminal(disk, url, raw.content) as screen:
        screen.wait_for(r"\[yes/no\] ")
        screen.type("y\n")
        assert screen.end() == 4
    assert "the answer was 'y' and not 'yes'" in screen.seen
    assert disk.read(0, MIB) == (NOISE * 2)[:MIB]


def test_ctrl_c_leaves_a_disk_that_cannot_boot_and_says_so(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("image.raw", raw.content, stalls=[30 * MIB])
    with terminal(disk, url, raw.content, "--yes") as screen:
        screen.wait_for(r"write +\[")
        screen.type("\x03")
        assert screen.end() == 130
    said = f"interrupted: {disk.path} was left without a partition table and cannot boot"
    assert said in screen.seen
    assert disk.read(0, MIB) == bytes(MIB)
    assert "Traceback" not in screen.seen
