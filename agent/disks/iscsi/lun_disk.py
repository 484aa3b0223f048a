"""Another machine's disk over iSCSI, in the form of a disk of this machine; implements :class:`agent.disks.disk.Disk`.

Two sessions, so that the disk has its next order before it has finished the last one; a command moves 1 MiB at most, so 2 MiB are
on their way. A lost connection is not made again: who else could answer there by then?
"""

import contextlib
import mmap
import queue
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.disks.iscsi import commands
from agent.disks.iscsi.session import Lun, NotSupported, Session
from agent.disks.open_disk import MIB, PLAIN_ZERO_BYTES
from agent.errors import DiskError

_SESSIONS = 2
_PROBED_BYTES = 1 << 18
"""What stands at the beginning of file systems: their superblocks with their labels."""
Connect = Callable[[Lun], Session]


class LunDisk:
    """An open disk; use as a context manager."""

    def __init__(self, lun: Lun, path: Path, connect: Connect) -> None:
        """Log in and ask what the disk is.

        Args:
            lun: Where it is.
            path: What its own machine calls it; for messages.
            connect: Makes a session.

        Raises:
            DiskError: There is no login, or it is no disk.
        """
        self.path = path
        self._lun = lun
        self._sessions: queue.LifoQueue[Session] = queue.LifoQueue()
        self._opened: list[Session] = []
        try:
            for _ in range(_SESSIONS):
                session = connect(lun)
                self._opened.append(session)
                self._sessions.put(session)
            with self._session("ask for its size") as session:
                answer = session.ask(commands.capacity())
                blocks, self.sector_bytes = commands.read_capacity(answer)
                self._limits = commands.read_limits(_limits_page(session), self.sector_bytes)
        except DiskError:
            self.close()
            raise
        self.size_bytes = blocks * self.sector_bytes
        self._bounce = mmap.mmap(-1, MIB)  # for one thread at a time: write_bytes and read
        self._zeros = mmap.mmap(-1, MIB)
        self._can_write_same = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out."""
        while self._opened:
            self._opened.pop().close()

    @contextmanager
    def _session(
        self, action: str, start_byte: int | None = None, *, may_lack: bool = False
    ) -> Iterator[Session]:
        """Give a session that nobody else uses; errors say what was done, where, on which disk.

        Raises:
            NotSupported: The target does not know the command, which it ``may_lack``.
        """
        session = self._sessions.get()
        try:
            yield session
        except DiskError as error:
            if may_lack and isinstance(error, NotSupported):
                raise
            place = "" if start_byte is None else f" at byte {start_byte}"
            raise DiskError(
                f"{self.path} over iSCSI ({self._lun.portal}): {action}{place}: {error}; look at the machine's console and the"
                " network between"
            ) from error
        finally:
            self._sessions.put(session)

    def _pieces(
        self, start_byte: int, end_byte: int, most_blocks: int
    ) -> Iterator[tuple[int, int]]:
        """Yield (start byte, end byte) of what one command each moves."""
        step = most_blocks * self.sector_bytes
        for position in range(start_byte, end_byte, step):
            yield position, min(end_byte, position + step)

    def _place(self, start_byte: int, end_byte: int) -> tuple[int, int]:
        """Return (block, blocks)."""
        return start_byte // self.sector_bytes, (end_byte - start_byte) // self.sector_bytes

    def write(self, data: memoryview, start_byte: int) -> None:
        """Write memory of whole sectors; any thread may call this.

        Raises:
            DiskError: The disk refused, or does not answer; the message names the disk and the place.
        """
        end_byte = start_byte + len(data)
        for low, high in self._pieces(start_byte, end_byte, self._limits.transfer_blocks):
            piece = data[low - start_byte : high - start_byte]
            with self._session("write", low) as session:
                session.send(commands.write(*self._place(low, high)), piece)

    def write_bytes(self, data: bytes | bytearray, start_byte: int) -> None:
        """Write any memory; the last sector is filled up with zeros."""
        for position in range(0, len(data), MIB):
            piece = bytes(data[position : position + MIB])
            piece += bytes(-len(piece) % self.sector_bytes)
            self._bounce[: len(piece)] = piece
            self.write(memoryview(self._bounce)[: len(piece)], start_byte + position)

    def read_into(self, room: memoryview, start_byte: int) -> None:
        """Fill memory of whole sectors; any thread may call this.

        Raises:
            DiskError: The disk cannot be read there, or does not answer.
        """
        end_byte = start_byte + len(room)
        for low, high in self._pieces(start_byte, end_byte, self._limits.transfer_blocks):
            piece = room[low - start_byte : high - start_byte]
            with self._session("read", low) as session:
                session.receive(commands.read(*self._place(low, high)), piece)

    def read(self, start_byte: int, size_bytes: int) -> bytes:
        """Return what the disk holds; any offset and size.

        Raises:
            DiskError: As :meth:`read_into`.
        """
        parts = []
        position, end_byte = start_byte, start_byte + size_bytes
        while position < end_byte:
            base = position - position % self.sector_bytes
            wanted = min(MIB, -(-(end_byte - base) // self.sector_bytes) * self.sector_bytes)
            self.read_into(memoryview(self._bounce)[:wanted], base)
            parts.append(self._bounce[position - base : min(wanted, end_byte - base)])
            position = base + wanted
        return b"".join(parts)

    def zero(
        self, start_byte: int, end_byte: int, watch: Callable[[int], None] = lambda _done: None
    ) -> None:
        """Make a range read as zeros, by WRITE SAME where the target has it.

        Args:
            start_byte: First byte, on a sector.
            end_byte: One past the last byte, on a sector.
            watch: Called with the number of bytes of each finished piece.
        """
        is_short = end_byte - start_byte < PLAIN_ZERO_BYTES
        for low, high in self._pieces(start_byte, end_byte, self._limits.zero_blocks):
            if is_short or not self._zero_same(low, high):
                for begin, end in self._pieces(low, high, MIB // self.sector_bytes):
                    self.write(memoryview(self._zeros)[: end - begin], begin)
            watch(high - low)

    def _zero_same(self, low: int, high: int) -> bool:
        """Order zeros; false = the target cannot be ordered so."""
        if not self._can_write_same:
            return False
        block = memoryview(self._zeros)[: self.sector_bytes]
        try:
            with self._session("write zeros", low, may_lack=True) as session:
                session.send(commands.write_same(*self._place(low, high)), block)
        except NotSupported:
            self._can_write_same = False
        return self._can_write_same

    def flush(self) -> None:
        """Wait until the disk says that everything is on stable storage."""
        with self._session("flush") as session:
            session.send(commands.flush())

    def require_sole_use(self) -> None:
        """Do nothing: the machine's own agent has looked, and its kernel holds the disk for the export alone."""

    def reread_partitions(self) -> bool:
        """Say that no kernel here shows the partitions."""
        return False

    @contextmanager
    def probed(self, start_byte: int, size_bytes: int) -> Iterator[tuple[Path, int]]:
        """Give a sparse file as large as the stretch that holds its first 256 KiB."""
        with tempfile.TemporaryDirectory(prefix="ingot-lun-") as folder:
            file = Path(folder, "stretch")
            with file.open("wb") as out:
                out.write(self.read(start_byte, min(size_bytes, _PROBED_BYTES)))
                out.truncate(size_bytes)
            yield file, 0


def _limits_page(session: Session) -> bytes | None:
    with contextlib.suppress(NotSupported):
        return session.ask(commands.block_limits())
    return None
