"""The process that writes a disk over iSCSI: what its controller hears of it however it ends, and that it ends with its controller."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from agent.protocol.image import ImageInfo
from agent.protocol.lun_writing import Export, ExportedDisk, WriteOrder, WriteReport
from controller.images.lun_writer import LunWriter
from tests.integration.disk_images import sha256
from tests.integration.image_server import image_server
from tests.integration.tgt_server import LOGIN, NAME
from tests.integration.waiting import wait_until
from tests.lab.ports import free_port

READ = "import sys, time; sys.stdin.buffer.readline();"
PARENT = """
import sys, time
from tests.integration.test_lun_writer_process import order, writer
made = writer(order(), f"import os; open({sys.argv[1]!r}, 'w').write(str(os.getpid())); time.sleep(600)")
time.sleep(600)
"""


def order(port: int = 1, drive: str | None = None) -> WriteOrder:
    disk = ExportedDisk(path="/dev/sda", size_bytes=64 << 20, sector_bytes=512)
    return WriteOrder(
        portal=f"127.0.0.1:{port}",
        export=Export(iscsi_target_iqn=NAME, lun=1, disk=disk),
        login=LOGIN,
        image=ImageInfo(id="a", urls=["http://127.0.0.1:1/a"], checksum="7e" * 32),
        configdrive=drive,
    )


def writer(what: WriteOrder, program: str, total_s: float = 60.0) -> LunWriter:
    return LunWriter(what, total_s=total_s, command=(sys.executable, "-c", READ + program))


def ended(one: LunWriter) -> WriteReport:
    wait_until(lambda: one.has_ended, 30, "the end of the writer")
    return one.look()


def test_what_it_tells_is_seen_and_its_last_word_stays() -> None:
    lines = ['{"progress":{"phase":"write","bytes_done":7}}', '{"error":"the disk is gone"}']
    one = writer(order(), f"print('\\n'.join({lines!r}), flush=True)")
    assert ended(one).error == "the disk is gone"


def test_nobody_is_killed_by_the_number_of_a_writer_that_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = writer(order(), "time.sleep(600)")
    one.end()
    assert one.has_ended
    killed: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda number, _signal: killed.append(number))
    one.end()
    assert not killed


def test_an_order_of_any_size_arrives() -> None:
    program = 'print(\'{"error":"%d"}\' % len(line))'
    command = f"import sys; line = sys.stdin.buffer.readline(); {program}"
    drive = "x" * (40 << 20)
    one = LunWriter(order(drive=drive), total_s=60.0, command=(sys.executable, "-c", command))
    assert int(ended(one).error or 0) > len(drive)


def test_an_end_without_a_word_is_told_with_its_last_words() -> None:
    told = ended(writer(order(), "print('malloc(): corrupted', file=sys.stderr); sys.exit(3)"))
    assert "it ended with status 3; its last words: malloc(): corrupted" in str(told.error)


def test_nonsense_a_flood_and_a_stand_still_end_it() -> None:
    assert "nonsense" in str(ended(writer(order(), "print('x' * 9, flush=True)")).error)
    flood = "[sys.stdout.write('x' * 9999) for _ in range(9999)]"
    assert "a line of more than 65536 bytes" in str(ended(writer(order(), flood)).error)
    still = ended(writer(order(), "time.sleep(600)", total_s=0.5))
    assert "had not ended after 0 s" in str(still.error)


def test_it_can_be_ended_at_any_time() -> None:
    one = writer(order(), "time.sleep(600)")
    one.end()
    assert "status -9" in str(one.look().error)


def test_the_real_one_says_that_nobody_listens() -> None:
    with image_server() as server:
        content = b"x" * (1 << 20)
        url = server.serve("a", content)
        image = ImageInfo(id="a", urls=[url], checksum=sha256(content))
        wanted = msgspec.structs.replace(order(port := free_port()), image=image)
        told = ended(LunWriter(wanted, total_s=60.0)).error
    assert f"iSCSI: no login at {NAME} on 127.0.0.1:{port}: " in str(told)


def test_it_does_not_outlive_a_controller_that_is_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    ends = "import agent.lun_writer as w, threading; threading.Thread(target=w._end_with, args=(0,)).start();"
    program = PARENT.replace("import os;", f"{ends} import os;", 1)
    parent = run(("-c", program, str(noted)))
    try:
        wait_until(lambda: noted.is_file() and noted.read_text() != "", 30, "the writer")
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    child = Path("/proc", noted.read_text())
    wait_until(lambda: not child.exists() or is_zombie(child), 10, "the writer's end")


def is_zombie(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def run(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, *words], cwd=Path(__file__).parents[2])
