"""The door to libiscsi (``libiscsi.so.7``, Debian's package ``libiscsi7``): ``iscsi/iscsi.h`` and ``iscsi/scsi-lowlevel.h``, API of 1.19.

Calls release the interpreter lock. A context is for one thread at a time.
"""

import ctypes
from collections.abc import Callable
from typing import Any

from agent.errors import DiskError

NAME = "libiscsi.so.7"
NORMAL_SESSION = 2
NO_DATA, READS, WRITES = 0, 1, 2
GOOD, CHECK_CONDITION = 0, 2
ILLEGAL_REQUEST = 5


class IoVector(ctypes.Structure):
    """``struct scsi_iovec``."""

    _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Data(ctypes.Structure):
    """``struct iscsi_data``."""

    _fields_ = (("size", ctypes.c_size_t), ("address", ctypes.c_void_p))


class Task(ctypes.Structure):
    """The beginning of ``struct scsi_task``, up to the sense data."""

    _fields_ = (
        ("status", ctypes.c_int),
        ("cdb_size", ctypes.c_int),
        ("direction", ctypes.c_int),
        ("expected", ctypes.c_int),
        ("cdb", ctypes.c_ubyte * 16),
        ("residual_status", ctypes.c_int),
        ("residual", ctypes.c_size_t),
        ("error_type", ctypes.c_ubyte),
        ("sense_key", ctypes.c_int),
        ("sense_code", ctypes.c_int),
    )


_CONTEXT = ctypes.c_void_p
_TASK = ctypes.POINTER(Task)
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "iscsi_create_context": (_CONTEXT, (ctypes.c_char_p,)),
    "iscsi_destroy_context": (ctypes.c_int, (_CONTEXT,)),
    "iscsi_disconnect": (ctypes.c_int, (_CONTEXT,)),
    "iscsi_full_connect_sync": (ctypes.c_int, (_CONTEXT, ctypes.c_char_p, ctypes.c_int)),
    "iscsi_get_error": (ctypes.c_char_p, (_CONTEXT,)),
    "iscsi_logout_sync": (ctypes.c_int, (_CONTEXT,)),
    "iscsi_scsi_command_sync": (_TASK, (_CONTEXT, ctypes.c_int, _TASK, ctypes.POINTER(Data))),
    "iscsi_set_initiator_username_pwd": (
        ctypes.c_int,
        (_CONTEXT, ctypes.c_char_p, ctypes.c_char_p),
    ),
    "iscsi_set_noautoreconnect": (None, (_CONTEXT, ctypes.c_int)),
    "iscsi_set_session_type": (ctypes.c_int, (_CONTEXT, ctypes.c_int)),
    "iscsi_set_target_username_pwd": (ctypes.c_int, (_CONTEXT, ctypes.c_char_p, ctypes.c_char_p)),
    "iscsi_set_targetname": (ctypes.c_int, (_CONTEXT, ctypes.c_char_p)),
    "iscsi_set_tcp_syncnt": (None, (_CONTEXT, ctypes.c_int)),
    "iscsi_set_timeout": (ctypes.c_int, (_CONTEXT, ctypes.c_int)),
    "scsi_create_task": (_TASK, (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)),
    "scsi_free_scsi_task": (None, (_TASK,)),
    "scsi_task_set_iov_in": (None, (_TASK, ctypes.POINTER(IoVector), ctypes.c_int)),
}


def load(open_library: Callable[[str], Any] = ctypes.CDLL) -> Any:
    """Return the library, with the types of what is used of it.

    Raises:
        DiskError: It is not installed, or is not the one that is meant.
    """
    try:
        library = open_library(NAME)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise DiskError(
            f"{NAME} cannot be used ({error}); install the package libiscsi7"
        ) from error
    return library
