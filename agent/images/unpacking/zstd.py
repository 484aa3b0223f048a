"""Zstandard decompression by the system's libzstd (it comes with kmod and apt), without a Python package of its own.

``zstd.h``, stable API: ``ZSTD_decompressStream``. Calls release the interpreter lock.
"""

import ctypes

from agent.errors import ImageError

_LIBRARY = "libzstd.so.1"
_RESET_SESSION = 1


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
    """Decompresses one stream after the other; for one thread. Windows over 128 MiB are refused by the library."""

    def __init__(self) -> None:
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
        self._library = library
        self._context = library.ZSTD_createDCtx()
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
            ImageError: The data is damaged.
        """
        read, source_anchor = _span(source)
        written, target_anchor = _span(target)
        left = self._library.ZSTD_decompressStream(
            self._context, ctypes.byref(written), ctypes.byref(read)
        )
        del source_anchor, target_anchor
        if self._library.ZSTD_isError(left):
            reason = self._library.ZSTD_getErrorName(left).decode()
            raise ImageError(f"zstd: the compressed data is damaged: {reason}")
        if read.position or written.position:
            self.at_frame_end = left == 0
        return int(read.position), int(written.position)
