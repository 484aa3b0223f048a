"""Writes what comes out of a compressed image."""

from typing import Protocol

from agent.errors import ImageError
from agent.images.flow.buffers import Buffer, BufferPool
from agent.images.flow.disk_writers import DiskWriters
from agent.images.flow.raw_sink import RawSink
from agent.images.flow.stage import Stage
from agent.images.flow.target import ImageTarget
from agent.images.formats.recognition import ImageFormat, detect
from agent.images.unpacking.decompress import decoder_for
from agent.images.unpacking.unpacker import Unpacker
from agent.images.unpacking.xz_blocks import Write, XzUnpacker


class AnyUnpacker(Protocol):
    """Takes the compressed stream's buffers in order."""

    def feed(self, buffer: Buffer) -> None:
        """Unpack one buffer."""

    def finish(self) -> int:
        """Hand on what is left and return the size of the content in bytes."""


class Content:
    """A raw image that comes out of ``found``: in order through a thread that writes, or from several threads at once."""

    def __init__(self, target: ImageTarget, found: ImageFormat, name: str) -> None:
        self._target = target
        self._found = found
        self._name = name
        self._sinks: list[RawSink] = []
        self._writers = DiskWriters(target)
        self._sorting: Stage[Buffer] = Stage("sort", self._open_sink(self._writers))
        self._blocks: XzUnpacker | None = None

    def unpacker(self, pool: BufferPool) -> AnyUnpacker:
        """Return what takes the compressed stream; ``pool`` has the buffers for content."""
        if self._found is ImageFormat.XZ:
            self._blocks = XzUnpacker(pool, self._emit, self._open_sink)
            return self._blocks
        return Unpacker(decoder_for(self._found), pool, self._emit)

    def finish(self) -> int:
        """Write what is left and return the size of the image in bytes."""
        self._sorting.finish()
        self._writers.finish()
        for sink in self._sinks:
            sink.finish()
        return max(sink.end_byte for sink in self._sinks)

    def stop(self) -> None:
        """End the threads; never raises."""
        if self._blocks is not None:
            self._blocks.stop()
        self._sorting.stop()
        self._writers.stop()

    def _emit(self, buffer: Buffer) -> None:
        self._sorting.put(buffer)
        self._sorting.check()

    def _open_sink(self, writers: DiskWriters | None = None) -> Write:
        sink = RawSink(self._target, writers)
        self._sinks.append(sink)

        def write(buffer: Buffer) -> None:
            if buffer.start_byte == 0:
                self._check_inner(buffer)
            sink.work(buffer)

        return write

    def _check_inner(self, buffer: Buffer) -> None:
        inner = detect(bytes(buffer.view[: buffer.used_bytes]), self._name)
        if inner is not ImageFormat.RAW:
            raise ImageError(
                f"{self._name}: a {inner} image inside {self._found}; publish it without {self._found}"
            )
