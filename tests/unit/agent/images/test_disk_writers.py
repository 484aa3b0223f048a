"""Two threads write pieces of buffers: all at their places, every buffer given back, an error told."""

import threading
from typing import cast

import pytest

from agent.errors import DiskError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.flow.disk_writers import DiskWriters
from agent.images.flow.target import ImageTarget

_POOL_SIZE = 3
_TIMEOUT_S = 30


class Memory:
    """A target in memory; ``gate`` is passed by each write, ``refused`` is a place that cannot be written."""

    def __init__(self, *, refused: int | None = None) -> None:
        self.content = bytearray(8 * BUFFER_BYTES)
        self.gate: threading.Barrier | None = None
        self._refused = refused

    def write(self, view: memoryview, start_byte: int) -> None:
        if self.gate is not None:
            self.gate.wait(_TIMEOUT_S)
        if start_byte == self._refused:
            raise DiskError(f"write at byte {start_byte}: Input/output error")
        self.content[start_byte : start_byte + len(view)] = view


def _writers(memory: Memory) -> DiskWriters:
    return DiskWriters(cast("ImageTarget", memory))


def _filled(pool: BufferPool, number: int) -> Buffer:
    buffer = pool.take(number * BUFFER_BYTES)
    buffer.view[:] = bytes([number + 1]) * BUFFER_BYTES
    buffer.used_bytes = BUFFER_BYTES
    return buffer


def test_more_pieces_than_buffers_land_in_their_places() -> None:
    memory, pool = Memory(), BufferPool(_POOL_SIZE)
    writers = _writers(memory)
    for number in range(8):
        buffer = _filled(pool, number)
        half = BUFFER_BYTES // 2
        writers.write(buffer, half, BUFFER_BYTES, buffer.start_byte + half)
        writers.write(buffer, 0, half, buffer.start_byte)
        buffer.release()
    writers.finish()
    assert memory.content == b"".join(bytes([n + 1]) * BUFFER_BYTES for n in range(8))


def test_two_writes_are_under_way_at_the_same_time() -> None:
    memory, pool = Memory(), BufferPool(_POOL_SIZE)
    memory.gate = threading.Barrier(2)  # one write alone never passes it
    writers = _writers(memory)
    for number in range(2):
        buffer = _filled(pool, number)
        writers.write(buffer, 0, BUFFER_BYTES, buffer.start_byte)
        buffer.release()
    writers.finish()
    assert memory.content[BUFFER_BYTES] == 2


def test_a_write_that_fails_is_told_and_gives_its_buffer_back() -> None:
    memory, pool = Memory(refused=BUFFER_BYTES), BufferPool(_POOL_SIZE)
    writers = _writers(memory)
    buffer = _filled(pool, 1)
    writers.write(buffer, 0, BUFFER_BYTES, BUFFER_BYTES)
    buffer.release()
    with pytest.raises(DiskError, match=f"byte {BUFFER_BYTES}"):
        writers.finish()
    for number in range(_POOL_SIZE):
        pool.take(number)
