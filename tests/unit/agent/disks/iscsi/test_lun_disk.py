"""A disk over iSCSI behaves like one of this machine: pieces of one command each, zeros, places in errors."""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.disks.iscsi import library
from agent.disks.iscsi.commands import Query
from agent.disks.iscsi.lun_disk import LunDisk
from agent.disks.iscsi.session import Lun, NotSupported, Session
from agent.errors import DiskError

MIB = 1 << 20
LUN = Lun(
    portal="192.0.2.7:3260",
    target="iqn.2026-01.org.example:d1",
    number=1,
    initiator="iqn.2026-01.org.example:me",
    username="ann",
    password="geheim-123456",
)


class FakeSession:
    """A target in memory of 512-byte blocks; ``transfer`` and ``zero`` are the limits that it tells."""

    content = bytearray()
    sent: list[tuple[int, int, int]]

    def __init__(self, content: bytearray, *, transfer: int = 0, zero: int = 0) -> None:
        self.content = content
        self.transfer, self.zero = transfer, zero
        self.sent = []
        self.failure: DiskError | None = None
        self.knows_write_same = True
        self.is_closed = False

    def ask(self, query: Query) -> bytes:
        if query.cdb[0] == 0x9E:
            return struct.pack(">QI", len(self.content) // 512 - 1, 512) + bytes(20)
        answer = bytearray(64)
        answer[1] = 0xB0
        struct.pack_into(">I", answer, 8, self.transfer)
        struct.pack_into(">Q", answer, 36, self.zero)
        return bytes(answer)

    def send(self, cdb: bytes, data: memoryview | None = None) -> None:
        if self.failure is not None:
            raise self.failure
        order, _, block, blocks, _, _ = struct.unpack(">BBQIBB", cdb)
        if order == 0x93 and not self.knows_write_same:
            raise NotSupported("SENSE KEY:ILLEGAL_REQUEST(5)")
        self.sent.append((order, block, blocks))
        if data is not None:
            content = bytes(data) * (blocks if order == 0x93 else 1)
            assert len(content) == blocks * 512
            self.content[block * 512 : (block + blocks) * 512] = content

    def receive(self, cdb: bytes, room: memoryview) -> None:
        _, _, block, blocks, _, _ = struct.unpack(">BBQIBB", cdb)
        room[:] = self.content[block * 512 : (block + blocks) * 512]

    def close(self) -> None:
        self.is_closed = True


def connecting(session: FakeSession) -> Callable[[Lun], Session]:
    return lambda _lun: session  # type: ignore[return-value]  # a double


def opened(session: FakeSession) -> LunDisk:
    return LunDisk(LUN, Path("/dev/sda"), connecting(session))


def aligned(data: bytes) -> memoryview:
    room = mmap.mmap(-1, len(data))
    room[:] = data
    return memoryview(room)


def test_a_write_is_cut_into_what_one_command_may_move() -> None:
    session = FakeSession(bytearray(8 * MIB), transfer=600)
    with opened(session) as disk:
        disk.write(aligned(b"x" * MIB), MIB)
    assert session.sent == [
        (0x8A, 2048, 600),
        (0x8A, 2648, 600),
        (0x8A, 3248, 600),
        (0x8A, 3848, 248),
    ]
    assert session.content[MIB : 2 * MIB] == b"x" * MIB
    assert session.is_closed


def test_any_bytes_can_be_read_and_written() -> None:
    session = FakeSession(bytearray(range(256)) * 32768)
    with opened(session) as disk:
        assert disk.size_bytes == 8 * MIB
        assert disk.read(2 * MIB - 3, 7) == bytes([253, 254, 255, 0, 1, 2, 3])
        assert len(disk.read(5, 3 * MIB)) == 3 * MIB
        disk.write_bytes(b"abc", 4096)
    assert session.content[4096:4608] == b"abc" + bytes(509)


def test_zeros_are_ordered_in_steps_and_short_stretches_are_written() -> None:
    session = FakeSession(bytearray(b"x" * 8 * MIB), zero=4096)
    done: list[int] = []
    with opened(session) as disk:
        disk.zero(0, 5 * MIB, done.append)
        disk.zero(6 * MIB, 6 * MIB + 512)
    assert session.sent == [
        (0x93, 0, 4096),
        (0x93, 4096, 4096),
        (0x93, 8192, 2048),
        (0x8A, 12288, 1),
    ]
    assert done == [2 * MIB, 2 * MIB, MIB]
    assert session.content[: 5 * MIB] == bytes(5 * MIB)
    assert session.content[5 * MIB :].count(0) == 512


def test_a_target_without_write_same_is_asked_once_and_then_written_to() -> None:
    session = FakeSession(bytearray(b"x" * 8 * MIB))
    session.knows_write_same = False
    with opened(session) as disk:
        disk.zero(0, 3 * MIB)
        disk.zero(4 * MIB, 5 * MIB)
    assert {order for order, _, _ in session.sent} == {0x8A}
    assert session.content[: 3 * MIB] == bytes(3 * MIB)
    assert session.content[4 * MIB : 5 * MIB] == bytes(MIB)


@pytest.mark.parametrize("failure", [DiskError("Socket closed"), NotSupported("LBA out of range")])
def test_an_error_says_which_disk_where_and_at_what(failure: DiskError) -> None:
    session = FakeSession(bytearray(8 * MIB))
    with opened(session) as disk:
        session.failure = failure
        words = (
            rf"/dev/sda over iSCSI \(192.0.2.7:3260\): write at byte 1048576: {failure};.*console"
        )
        with pytest.raises(DiskError, match=words):
            disk.write(aligned(bytes(512)), MIB)
        with pytest.raises(DiskError, match=r"flush: "):
            disk.flush()


def test_programs_look_at_the_beginning_of_a_stretch_in_a_file_of_its_size() -> None:
    content = bytearray(8 * MIB)
    content[MIB : MIB + 4] = b"head"
    with opened(FakeSession(content)) as disk:
        assert not disk.reread_partitions()
        with disk.probed(MIB, 4 * MIB) as (file, start):
            assert start == 0
            assert file.stat().st_size == 4 * MIB
            assert file.read_bytes()[:4] == b"head"
        assert not file.exists()


def test_a_login_that_fails_ends_those_before_it() -> None:
    first = FakeSession(bytearray(8 * MIB))
    sessions = [first]

    def connect(_lun: Lun) -> Session:
        if not sessions:
            raise DiskError("no login")
        return sessions.pop()  # type: ignore[return-value]  # a double

    with pytest.raises(DiskError, match="no login"):
        LunDisk(LUN, Path("/dev/sda"), connect)
    assert first.is_closed


def test_a_missing_library_is_named_with_its_package() -> None:
    def missing(_name: str) -> None:
        raise OSError("cannot open shared object file")

    with pytest.raises(DiskError, match=r"libiscsi\.so\.7 .*install the package libiscsi7"):
        library.load(missing)
    with pytest.raises(DiskError, match="libiscsi7"):
        library.load(lambda _name: object())


def test_no_secret_is_shown_with_a_lun() -> None:
    assert "geheim" not in repr(LUN)
