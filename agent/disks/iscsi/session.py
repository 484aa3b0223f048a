"""One iSCSI session: logged in with CHAP both ways, one command at a time, every wait bounded."""

import ctypes
import mmap
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from agent.disks.iscsi import library
from agent.disks.iscsi.commands import Query
from agent.errors import DiskError
from agent.protocol.foreign_text import clean_line

_SYN_TRIES = 3
"""About 15 s until a machine that is not there is given up."""
_SHOWN_CHARS = 200


class NotSupported(DiskError):
    """The target does not know the command, or not these arguments of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lun:
    """A logical unit, and how to log in there; the target proves with ``target_password`` that it is the one that was meant."""

    portal: str
    """``address:port``, an IPv6 address in brackets."""
    target: str
    number: int
    initiator: str
    username: str
    password: str = field(repr=False)
    target_username: str = ""
    target_password: str = field(default="", repr=False)


class Session:
    """A session; for one thread at a time."""

    def __init__(
        self, lun: Lun, *, timeout_s: int, open_library: Callable[[str], Any] | None = None
    ) -> None:
        """Log in.

        Args:
            lun: Where.
            timeout_s: Longest wait for one answer.
            open_library: Another one than the system's, for tests.

        Raises:
            DiskError: The library is missing, nobody listens, the login is refused, or no answer came in time.
        """
        self._library = library.load() if open_library is None else library.load(open_library)
        self._lun = lun
        self._context: Any = self._library.iscsi_create_context(lun.initiator.encode())
        if not self._context:
            raise DiskError(f"iSCSI: no session with {lun.portal} can be made: not enough memory")
        try:
            self._log_in(timeout_s)
        except DiskError:
            self._forget()
            raise

    def _log_in(self, timeout_s: int) -> None:
        lun, context, lib = self._lun, self._context, self._library
        lib.iscsi_set_noautoreconnect(context, 1)
        lib.iscsi_set_tcp_syncnt(context, _SYN_TRIES)
        lib.iscsi_set_timeout(context, timeout_s)
        self._must(lib.iscsi_set_session_type(context, library.NORMAL_SESSION))
        self._must(lib.iscsi_set_targetname(context, lun.target.encode()))
        login = (lun.username.encode(), lun.password.encode())
        self._must(lib.iscsi_set_initiator_username_pwd(context, *login))
        if lun.target_username:
            proof = (lun.target_username.encode(), lun.target_password.encode())
            self._must(lib.iscsi_set_target_username_pwd(context, *proof))
        self._must(lib.iscsi_full_connect_sync(context, lun.portal.encode(), lun.number))

    def _must(self, result: int) -> None:
        if result != 0:
            raise DiskError(
                f"iSCSI: no login at {self._lun.target} on {self._lun.portal}: {self._why()}"
            )

    def _why(self) -> str:
        text = self._library.iscsi_get_error(self._context) or b""
        return clean_line(text.decode(errors="replace"), _SHOWN_CHARS) or "no reason is known"

    def send(self, cdb: bytes, data: memoryview | mmap.mmap | None = None) -> None:
        """Carry out a command that sends ``data``.

        Raises:
            NotSupported: The target does not know it.
            DiskError: It failed, or no answer came in time.
        """
        if data is None:
            self._run(cdb, library.NO_DATA, 0, None, None)
            return
        size = len(data)
        held = (ctypes.c_char * size).from_buffer(data)
        out = library.Data(size, ctypes.addressof(held))
        self._run(cdb, library.WRITES, size, None, out)

    def receive(
        self, cdb: bytes, room: memoryview | mmap.mmap | bytearray, *, may_be_less: bool = False
    ) -> None:
        """Carry out a command whose answer fills ``room``.

        Raises:
            NotSupported: The target does not know it.
            DiskError: It failed, the answer was short, or none came in time.
        """
        size = len(room)
        held = (ctypes.c_char * size).from_buffer(room)
        into = library.IoVector(ctypes.addressof(held), size)
        self._run(cdb, library.READS, size, into, None, may_be_less=may_be_less)

    def ask(self, query: Query) -> bytes:
        """Return the answer to a query, filled up with zeros.

        Raises:
            NotSupported: The target does not know it.
            DiskError: It failed, or no answer came in time.
        """
        room = bytearray(query.answer_bytes)
        self.receive(query.cdb, room, may_be_less=True)
        return bytes(room)

    def _run(
        self,
        cdb: bytes,
        direction: int,
        size: int,
        into: library.IoVector | None,
        out: library.Data | None,
        *,
        may_be_less: bool = False,
    ) -> None:
        lib = self._library
        task = lib.scsi_create_task(len(cdb), cdb, direction, size)
        if not task:
            raise DiskError("iSCSI: not enough memory for a command")
        if into is not None:
            lib.scsi_task_set_iov_in(task, ctypes.byref(into), 1)
        done = lib.iscsi_scsi_command_sync(
            self._context, self._lun.number, task, None if out is None else ctypes.byref(out)
        )
        if not done:  # the task stays the library's: whoever ends the session ends it
            raise DiskError(self._why())
        try:
            self._judge(done, may_be_less=may_be_less)
        finally:
            lib.scsi_free_scsi_task(task)

    def _judge(self, done: Any, *, may_be_less: bool) -> None:
        found = done.contents
        if found.status == library.CHECK_CONDITION and found.sense_key == library.ILLEGAL_REQUEST:
            raise NotSupported(self._why())
        if found.status != library.GOOD:
            raise DiskError(self._why())
        if found.residual_status and not may_be_less:
            raise DiskError(f"{found.residual} bytes of a command were not moved")

    def close(self) -> None:
        """Log out, unless the connection is gone."""
        if self._context:
            self._library.iscsi_logout_sync(self._context)
            self._forget()

    def _forget(self) -> None:
        with suppress(OSError):
            self._library.iscsi_disconnect(self._context)
        self._library.iscsi_destroy_context(self._context)
        self._context = None
