"""Moves an image from a stream to a disk: one thread reads, one hashes, others write; all share a few buffers."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.flow.disk_writers import DiskWriters
from agent.images.flow.meter import Meter
from agent.images.flow.qcow2_sink import Qcow2Sink, TableWatch
from agent.images.flow.raw_sink import RawSink
from agent.images.flow.stage import Stage
from agent.images.flow.target import ImageTarget
from agent.images.formats.content import Content
from agent.images.formats.qcow2_map import Map
from agent.images.formats.recognition import ImageFormat, check_end
from agent.images.sources.stream import ByteStream
from agent.images.unpacking.xz_blocks import WAITING_BUFFERS

_BUFFERS = 6


class Published(Protocol):
    """The published file below a stream of its content, which it hashes itself."""

    @property
    def packed_bytes(self) -> int:
        """How much of the file has been read."""

    def digest(self) -> str:
        """Read the file to its end and return its digest."""


class Pipeline:
    """One transfer.

    ``first`` is the beginning of the stream, read before to look at it; ``wire_bytes`` have come of it, ``content_bytes`` is
    the size of what was written.
    """

    def __init__(
        self,
        stream: ByteStream,
        algorithm: str,
        meter: Meter,
        *,
        published: Published | None = None,
    ) -> None:
        """Read the beginning of ``stream``, which is the published file or, with ``published``, what is packed in that."""
        self._stream = stream
        self._published = published
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._meter = meter
        self._pool = BufferPool(_BUFFERS)
        self.wire_bytes = 0
        self.content_bytes = 0
        self.first = self._pool.take(0)
        self.first.used_bytes = stream.read_into(self.first.view)

    def run_raw(self, target: ImageTarget) -> str:
        """Write a raw image and return the digest."""
        writers = DiskWriters(target)
        sink = RawSink(target, writers)
        with ExitStack() as clean_up:
            clean_up.callback(writers.stop)
            digest = self._run(sink.work, writers.finish)
        check_end(sink.end, "the image")
        sink.finish()
        self.content_bytes = sink.end_byte
        return digest

    def run_packed(self, target: ImageTarget, found: ImageFormat, name: str) -> str:
        """Decompress a raw image while writing it and return the digest of the compressed bytes."""
        content = Content(target, found, name)
        if found is ImageFormat.XZ:
            self._pool.grow(WAITING_BUFFERS - _BUFFERS)
        unpacker = content.unpacker(BufferPool(_BUFFERS))
        with ExitStack() as clean_up:
            clean_up.callback(content.stop)
            digest = self._run(unpacker.feed, unpacker.finish)
            self.content_bytes = content.finish()
        return digest

    def run_qcow2(self, target: ImageTarget, image: Map, watch: TableWatch) -> str:
        """Write a qcow2 image and return the digest of the file."""
        for start_byte, end_byte in image.gaps():
            target.zero(start_byte, end_byte, lambda _size: self._meter.advance(0))
        self.content_bytes = image.header.virtual_bytes
        watch.begin()
        sink = Qcow2Sink(image, target, watch)
        with ExitStack() as clean_up:
            clean_up.callback(sink.stop)
            return self._run(sink.work, sink.finish)

    def _run(self, work: Callable[[Buffer], None], finish: Callable[[], object]) -> str:
        """Pump the stream through the hash and ``work``; ``finish`` runs when all of ``work`` is done."""
        stages = [Stage("work", work)]
        if self._published is None:
            stages.append(Stage("hash", self._update))
        with ExitStack() as clean_up:
            for stage in stages:
                clean_up.callback(stage.stop)
            self._pump(stages)
            for stage in stages:
                stage.finish()
            finish()
        if self._published is None:
            return self._hash.hexdigest()
        digest = self._published.digest()
        self.wire_bytes = self._published.packed_bytes
        return digest

    def _update(self, buffer: Buffer) -> None:
        self._hash.update(buffer.view[: buffer.used_bytes])

    def _pump(self, stages: Sequence[Stage[Buffer]]) -> None:
        buffer = self.first
        while True:
            end_byte, is_last = buffer.end_byte, buffer.used_bytes < BUFFER_BYTES
            self._meter.advance(buffer.used_bytes)
            self.wire_bytes = end_byte
            buffer.hold(len(stages))
            for stage in stages:
                stage.put(buffer)
            buffer.release()
            for stage in stages:
                stage.check()
            if is_last:
                return
            buffer = self._pool.take(end_byte)
            buffer.used_bytes = self._stream.read_into(buffer.view)
