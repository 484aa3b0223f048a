"""Zstandard decompression by the system's libzstd (it comes with kmod and apt), without a Python package of its own.

``zstd.h``, stable API: ``ZSTD_decompressStream``, ``ZSTD_DCtx_setParameter``. Calls release the interpreter lock.
"""

import ctypes
import os

from agent.errors import ImageError

_LIBRARY = "libzstd.so.1"
_RESET_SESSION = 1
_WINDOW_LOG_MAX = 100
"""``ZSTD_d_windowLogMax``."""
USUAL_WINDOW_LOG = 27
"""128 MiB: what every program takes (``ZSTD_WINDOWLOG_LIMIT_DEFAULT``), and ``zstd --long`` makes."""
_LARGEST_WINDOW_LOG = 31
"""``ZSTD_WINDOWLOG_MAX`` of 64-bit systems."""
_MAGIC = b"\x28\xb5\x2f\xfd"
_HEADER_BYTES = 18
"""The longest frame header, RFC 8878, section 3.1.1.1, with its magic number."""
_MIB = 1 << 20


def window_log_for(free_bytes: int) -> int:
    """Return the largest window that a decoder may use: half of the free memory, at least the usual one."""
    return max(USUAL_WINDOW_LOG, min(_LARGEST_WINDOW_LOG, (free_bytes // 2).bit_length() - 1))


def window_bytes(header: bytes) -> int | None:
    """Return the size of a frame's window, RFC 8878, section 3.1.1.1.2; ``None`` = this is no frame's header, or not all of it."""
    if not header.startswith(_MAGIC) or len(header) < 6:  # noqa: PLR2004  # magic, descriptor, window
        return None
    descriptor = header[4]
    if descriptor & 0x20:  # single segment: the window is the content
        dictionary_bytes = (0, 1, 2, 4)[descriptor & 3]
        size_bytes = (1, 2, 4, 8)[descriptor >> 6]
        field = header[5 + dictionary_bytes :][:size_bytes]
        offset = 256 if size_bytes == 2 else 0  # noqa: PLR2004  # section 3.1.1.1.4
        return int.from_bytes(field, "little") + offset if len(field) == size_bytes else None
    base = 1 << (10 + (header[5] >> 3))
    return base + base // 8 * (header[5] & 7)


def free_memory_bytes() -> int:
    """Return how much memory is free now; what the page cache holds does not count."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class _Span(ctypes.Structure):
    """``ZSTD_inBuffer`` and ``ZSTD_outBuffer``: address, size, position."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("position", ctypes.c_size_t),
    )


def _span(view: memoryview) -> tuple[_Span, object]:
    """Return a span over ``view`` and the object that keeps the memory in place."""
    anchor = (ctypes.c_char * len(view)).from_buffer(view)
    return _Span(ctypes.addressof(anchor), len(view), 0), anchor


class ZstdDecoder:
    """Decompresses one stream after the other; for one thread."""

    def __init__(self, window_log: int = USUAL_WINDOW_LOG) -> None:
        """Prepare; frames that need a window of more than ``2 ** window_log`` bytes are refused."""
        try:
            library = ctypes.CDLL(_LIBRARY)
        except OSError as error:
            raise ImageError(f"{_LIBRARY} is missing; add libzstd1 to the ramdisk") from error
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_freeDCtx.argtypes = (ctypes.c_void_p,)
        library.ZSTD_DCtx_reset.argtypes = (ctypes.c_void_p, ctypes.c_int)
        library.ZSTD_decompressStream.restype = ctypes.c_size_t
        library.ZSTD_decompressStream.argtypes = (
            ctypes.c_void_p,
            ctypes.POINTER(_Span),
            ctypes.POINTER(_Span),
        )
        library.ZSTD_isError.argtypes = (ctypes.c_size_t,)
        library.ZSTD_getErrorName.argtypes = (ctypes.c_size_t,)
        library.ZSTD_getErrorName.restype = ctypes.c_char_p
        library.ZSTD_DCtx_setParameter.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
        self._library = library
        self._context = library.ZSTD_createDCtx()
        self._window_log = window_log
        library.ZSTD_DCtx_setParameter(self._context, _WINDOW_LOG_MAX, window_log)
        self._header = b""
        self._frames = 0
        self.at_frame_end = True

    def __del__(self) -> None:
        if context := getattr(self, "_context", None):
            self._library.ZSTD_freeDCtx(context)

    def reset(self) -> None:
        """Forget what was begun."""
        self._library.ZSTD_DCtx_reset(self._context, _RESET_SESSION)
        self.at_frame_end = True

    def step(self, source: memoryview, target: memoryview) -> tuple[int, int]:
        """Decompress from ``source`` into ``target``, both writable memory.

        Returns:
            Bytes consumed and bytes produced.

        Raises:
            ImageError: The data is damaged, or wants a larger window.
        """
        self._look_at_header(source)
        read, source_anchor = _span(source)
        written, target_anchor = _span(target)
        left = self._library.ZSTD_decompressStream(
            self._context, ctypes.byref(written), ctypes.byref(read)
        )
        del source_anchor, target_anchor
        if self._library.ZSTD_isError(left):
            raise self._failed(self._library.ZSTD_getErrorName(left).decode())
        if read.position or written.position:
            self._frames += left == 0
            self.at_frame_end = left == 0
        return int(read.position), int(written.position)

    def _look_at_header(self, source: memoryview) -> None:
        """Remember the beginning of the frame that begins here; it may come in pieces."""
        if self.at_frame_end:
            self._header = bytes(source[:_HEADER_BYTES])
        elif len(self._header) < _HEADER_BYTES:
            self._header += bytes(source[: _HEADER_BYTES - len(self._header)])

    def _failed(self, reason: str) -> ImageError:
        if self.at_frame_end and self._frames and not _MAGIC.startswith(self._header[:4]):
            return ImageError("zstd: something else follows the compressed data")
        window = window_bytes(self._header)
        if window is None or window <= 1 << self._window_log:
            return ImageError(f"zstd: the compressed data is damaged: {reason}")
        return ImageError(
            f"zstd: compressed with a window of {window // _MIB} MiB, which takes as much memory to unpack;"
            f" this machine has room for {(1 << self._window_log) // _MIB} MiB: compress the image anew with a"
            f" smaller window (zstd --long={USUAL_WINDOW_LOG} or without --long)"
        )
