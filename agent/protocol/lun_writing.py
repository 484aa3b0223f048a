"""What the controller and its own image writer say to each other where the controller writes a machine's disk over iSCSI.

The writer (``agent/lun_writer.py``) is a process of the controller: the order comes as one line of JSON on its standard input, which
stays open until the controller wants the writer to end; what it has to tell goes to its standard output, a line of JSON each. The
agent's side of the export are the commands ``START`` (Ironic's name, with parameters of ours beside) and ``STOP`` (ours).
"""

import msgspec

from agent.protocol.commands import Progress
from agent.protocol.config_drive import MAX_TEXT_BYTES
from agent.protocol.image import ImageInfo
from agent.protocol.receipt import Receipt

START = "iscsi.start_iscsi_target"
STOP = "iscsi.stop_iscsi_target"
PORT = 3260
"""Of iSCSI; RFC 7143."""
UNIT = 1
"""The logical unit that Ironic's agent exported, and its conductor looked for."""
MOST_ORDER_BYTES = MAX_TEXT_BYTES + (1 << 20)
"""A config drive, and what is around it."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """CHAP both ways, with secrets for one export; ``initiator`` is the only one that may log in."""

    initiator: str
    username: str
    password: str
    target_username: str
    target_password: str

    def __repr__(self) -> str:
        """Show no password."""
        return f"Login(initiator={self.initiator!r})"


class ExportedDisk(msgspec.Struct, frozen=True, kw_only=True):
    """The disk behind an export, as its machine knows it; ``None`` = it does not say."""

    path: str
    size_bytes: int
    sector_bytes: int
    serial: str | None = None
    wwn: str | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """The result of ``START``; the first field is Ironic's."""

    iscsi_target_iqn: str
    lun: int
    disk: ExportedDisk


class WriteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the writer shall do; ``portal`` is ``address:port``."""

    portal: str
    export: Export
    login: Login
    image: ImageInfo
    configdrive: str | None = None
    allow_md5: bool = False
    allow_unverified: bool = False
    verify: str = "sample"
    """How much is read back: ``none``, ``sample`` or ``whole``."""
    folders: tuple[str, ...] = ()
    """Where ``file://`` images may lie, on the controller's machine."""
    answer_timeout_s: int = 60
    """Longest wait for one answer of the machine."""


class WriteReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the writer: how far it is, or how it ended: with a receipt, or with an error."""

    progress: Progress | None = None
    receipt: Receipt | None = None
    error: str | None = None
