"""A few page-aligned buffers that travel through the pipeline and come back: constant memory, ready for direct I/O."""

import ctypes
import mmap
import queue
import threading

BUFFER_BYTES = 1 << 20
_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Buffer:
    """``used_bytes`` of data that belong at ``start_byte`` of a stream; lives until every holder released it."""

    __slots__ = ("_address", "_holders", "_lock", "_pool", "start_byte", "used_bytes", "view")

    def __init__(self, pool: "BufferPool") -> None:
        self.view = memoryview(mmap.mmap(-1, BUFFER_BYTES))
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self.view))
        self.start_byte = 0
        self.used_bytes = 0
        self._holders = 0
        self._lock = threading.Lock()
        self._pool = pool

    @property
    def end_byte(self) -> int:
        """One past the last byte's place in the stream."""
        return self.start_byte + self.used_bytes

    def is_zero(self, start: int, end: int) -> bool:
        """Whether all bytes from ``start`` to ``end`` within the buffer are zero; copies nothing, stops at the first."""
        at = self._address + start
        return self.view[start] == 0 and _memcmp(at, at + 1, end - start - 1) == 0

    def hold(self, holders: int = 1) -> None:
        """Expect this many more calls of :meth:`release`."""
        with self._lock:
            self._holders += holders

    def release(self) -> None:
        """Give up one hold; the last one returns the buffer to its pool."""
        with self._lock:
            self._holders -= 1
            is_free = self._holders == 0
        if is_free:
            self._pool.give_back(self)


class BufferPool:
    """A fixed number of buffers; ``take`` waits for one, which slows the faster end of a pipeline down."""

    def __init__(self, count: int) -> None:
        self._free: queue.SimpleQueue[Buffer] = queue.SimpleQueue()
        self.grow(count)

    def grow(self, count: int) -> None:
        """Add this many buffers."""
        for _ in range(count):
            self._free.put(Buffer(self))

    def take(self, start_byte: int) -> Buffer:
        """Return an empty buffer for data at ``start_byte``; the caller holds it until it calls ``release``."""
        buffer = self._free.get()
        buffer.start_byte = start_byte
        buffer.used_bytes = 0
        buffer.hold()
        return buffer

    def give_back(self, buffer: Buffer) -> None:
        """Make ``buffer`` free again; called by :meth:`Buffer.release`."""
        self._free.put(buffer)
