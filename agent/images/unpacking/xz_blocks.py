"""Unpacks xz files made of many blocks with two threads, each block straight to its place.

``xz -T0`` and its relatives write blocks that tell their sizes. Such a block can be unpacked without the one before it, and
nothing of its content has to be kept: memory is the waiting part of the compressed stream and a dictionary for each thread,
where ``xz -T0 -dc`` keeps whole blocks of 24 MiB or more. From the first block on that has no such place (an odd size before it,
a large dictionary, other filters) each block goes through one decoder, in order; so does a stream without sizes as a whole.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from lzma import LZMADecompressor, LZMAError

from agent.errors import ImageError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.flow.stage import Stage
from agent.images.formats.recognition import ImageFormat
from agent.images.unpacking import xz_format
from agent.images.unpacking.decompress import HELPING_BYTES, decoder_for, xz_stream
from agent.images.unpacking.unpacker import Unpacker
from agent.images.unpacking.xz_format import Block

WAITING_BUFFERS = 10
"""Buffers of compressed data that should be in the source's pool, so that the second thread finds its block."""
_WORKERS = 2
_MAX_DICTIONARY_BYTES = 8 << 20
"""Of ``xz -6``, the default; two threads with larger ones would take too much memory."""
_MAX_BLOCKS = 1 << 20
_OUTPUT_BYTES = 256 << 10
"""Unpacked at a time, as it goes through memory of its own first."""

Write = Callable[[Buffer], None]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes for a decoder: ``data`` lies in ``buffer``, or in memory of its own at a block's ends."""

    data: memoryview
    file_byte: int
    buffer: Buffer | None = None
    content_from: int | None = None
    """A block begins whose content belongs here."""
    is_end: bool = False

    def release(self) -> None:
        """Let go of the buffer."""
        if self.buffer is not None:
            self.buffer.release()


class _Worker:
    """Unpacks one block after the other into a buffer of its own and writes that whenever it is full."""

    def __init__(self, room: Buffer, write: Write) -> None:
        self.room = room
        self.write = write
        self.stage: Stage[_Piece] = Stage("xz", self._work)
        self._stream: LZMADecompressor = xz_stream()

    def _work(self, piece: _Piece) -> None:
        if piece.content_from is not None:
            self._stream = xz_stream()
            self.room.start_byte, self.room.used_bytes = piece.content_from, 0
        try:
            for at in range(0, len(piece.data), HELPING_BYTES):
                self._unpack(piece.data[at : at + HELPING_BYTES])
        except (LZMAError, EOFError) as error:
            raise _damaged(piece.file_byte, str(error)) from error
        if piece.is_end and not self._stream.eof:
            raise _damaged(piece.file_byte, "a block is longer than its header says")

    def _unpack(self, data: memoryview) -> None:
        feed: bytes | memoryview = data
        room = self.room
        while True:
            content = self._stream.decompress(
                feed, min(_OUTPUT_BYTES, BUFFER_BYTES - room.used_bytes)
            )
            feed = b""
            room.view[room.used_bytes : room.used_bytes + len(content)] = content
            room.used_bytes += len(content)
            if room.used_bytes == BUFFER_BYTES:
                self.write(room)
                room.start_byte, room.used_bytes = room.end_byte, 0
            if self._stream.eof or self._stream.needs_input:
                return


class XzUnpacker:
    """Takes the compressed buffers in order; content leaves in any order."""

    def __init__(self, pool: BufferPool, emit: Write, open_sink: Callable[[], Write]) -> None:
        """Begin.

        Args:
            pool: Buffers for content.
            emit: Takes buffers of content in order, and releases them; used for what cannot be unpacked in parallel.
            open_sink: Called once for each thread; the result writes a buffer and does not release it.
        """
        self._pool = pool
        self._emit = emit
        self._workers = [_Worker(pool.take(0), open_sink()) for _ in range(_WORKERS)]
        self._turn = 0
        self._in_order: Unpacker | None = None
        self._is_rest_in_order = False
        self._position = 0
        self._file_byte = 0
        self._body_left = 0
        self._collected = bytearray()
        self._is_between = False
        self._layout = self._parse()
        self._wanted = next(self._layout)

    def feed(self, buffer: Buffer) -> None:
        """Unpack one buffer.

        Raises:
            ImageError: The data is damaged.
        """
        for worker in self._workers:
            worker.stage.check()
        at = 0
        while at < buffer.used_bytes:
            self._file_byte = buffer.start_byte + at
            if self._in_order is not None and self._is_rest_in_order:
                self._in_order.feed_view(buffer.view[at : buffer.used_bytes], self._file_byte)
                return
            if self._body_left:
                at += self._pass_on(buffer, at)
            else:
                at += self._collect(buffer, at)

    def finish(self) -> int:
        """Wait for the threads, write what is left and return the size of the content in bytes.

        Raises:
            ImageError: The data is damaged or cut off.
        """
        self._join()
        if self._in_order is not None and self._is_rest_in_order:
            return self._in_order.finish()
        if not self._is_between or any(self._collected):
            raise ImageError(
                f"the compressed image is cut off: its last stream has no end at byte {self._file_byte};"
                " publish it again"
            )
        if self._in_order is not None:
            return self._in_order.finish()
        for worker in self._workers:
            if worker.room.used_bytes:
                worker.write(worker.room)
        return self._position

    def stop(self) -> None:
        """End the threads after a failure elsewhere."""
        for worker in self._workers:
            worker.stage.stop()

    def _join(self) -> None:
        for worker in self._workers:
            worker.stage.finish()

    def _pass_on(self, buffer: Buffer, at: int) -> int:
        """Give the worker whose turn it is, or the decoder for what is in order, the next bytes of its block."""
        size = min(self._body_left, buffer.used_bytes - at)
        if self._in_order is not None:
            self._in_order.feed_view(buffer.view[at : at + size], self._file_byte)
        else:
            buffer.hold()
            piece = _Piece(buffer.view[at : at + size], self._file_byte, buffer)
            self._workers[self._turn].stage.put(piece)
        self._body_left -= size
        if not self._body_left:
            self._advance(b"")
        return size

    def _collect(self, buffer: Buffer, at: int) -> int:
        """Gather the bytes that the parser wants."""
        size = min(self._wanted - len(self._collected), buffer.used_bytes - at)
        self._collected += buffer.view[at : at + size]
        if len(self._collected) == self._wanted:
            data = bytes(self._collected)
            self._collected.clear()
            self._advance(data)
        return size

    def _advance(self, data: bytes) -> None:
        try:
            self._wanted = self._layout.send(data)
        except ValueError as error:
            raise _damaged(self._file_byte, str(error)) from error

    def _parse(self) -> Generator[int, bytes, None]:
        """Walk through the streams: yields how many bytes it wants next; 0 = a block's bytes were passed on."""
        stream_header = yield xz_format.STREAM_HEADER_BYTES
        while True:
            self._is_between = False
            check_size = xz_format.check_bytes(stream_header)
            records, count = bytearray(), 0
            while (first := (yield 1)) != b"\0":
                header = first + (yield xz_format.block_header_bytes(first[0]) - 1)
                block = xz_format.parse_block(header, check_size)
                if block is None or (count == 0 and not self._is_for_workers(block, is_first=True)):
                    self._leave_rest_to_decoder(stream_header + header, is_first=count == 0)
                    yield 1  # never asked for: everything goes to the decoder now
                    return
                if not self._is_for_workers(block, is_first=False):
                    self._open_in_order()
                self._begin(block, stream_header + header)
                yield 0
                self._end(block, stream_header)
                records += block.record()
                count += 1
                if count > _MAX_BLOCKS:
                    raise _damaged(self._file_byte, f"more than {_MAX_BLOCKS} blocks")
            yield from self._check_end(xz_format.index(records, count), stream_header)
            self._is_between = True
            while not any(start := (yield 4)):
                pass  # padding, section 2.2
            stream_header = start + (yield xz_format.STREAM_HEADER_BYTES - len(start))

    def _is_for_workers(self, block: Block, *, is_first: bool) -> bool:
        """Whether ``block`` can go to its place alone; an odd size is fine for the last block, but not for the first."""
        return (
            self._in_order is None
            and block.dictionary_bytes is not None
            and block.dictionary_bytes <= _MAX_DICTIONARY_BYTES
            and self._position % BUFFER_BYTES == 0
            and not (is_first and block.content_bytes % BUFFER_BYTES)
        )

    def _begin(self, block: Block, headers: bytes) -> None:
        self._body_left = block.packed_bytes
        if self._in_order is not None:
            self._in_order.feed_view(memoryview(headers), self._file_byte)
            return
        self._turn = (self._turn + 1) % _WORKERS
        piece = _Piece(memoryview(headers), self._file_byte, content_from=self._position)
        self._workers[self._turn].stage.put(piece)

    def _end(self, block: Block, stream_header: bytes) -> None:
        """Make the block a stream of its own: its decoder then compares sizes and check with what was said."""
        index = xz_format.index(block.record(), 1)
        tail = memoryview(index + xz_format.footer(stream_header, len(index)))
        if self._in_order is not None:
            self._in_order.feed_view(tail, self._file_byte)
        else:
            self._workers[self._turn].stage.put(_Piece(tail, self._file_byte, is_end=True))
        self._position += block.content_bytes

    def _check_end(self, index: bytes, stream_header: bytes) -> Generator[int, bytes, None]:
        """Compare the index and the footer with the blocks that were there."""
        wanted = index[1:] + xz_format.footer(stream_header, len(index))
        while wanted:
            piece = wanted[:BUFFER_BYTES]
            if (yield len(piece)) != piece:
                raise _damaged(self._file_byte, "the index is not that of the blocks before it")
            wanted = wanted[len(piece) :]

    def _leave_rest_to_decoder(self, headers: bytes, *, is_first: bool) -> None:
        """Give everything from the stream's header on to one decoder.

        Raises:
            ImageError: A block does not tell its sizes although one before it in the stream did.
        """
        if not is_first:
            raise ImageError(
                f"xz: a block without sizes follows blocks with sizes near byte {self._file_byte} of the compressed"
                " file; compress the image anew: xz -T0"
            )
        self._is_rest_in_order = True
        self._open_in_order().feed_view(memoryview(headers), self._file_byte)

    def _open_in_order(self) -> Unpacker:
        """Wait for the workers and return what goes on at any byte, one block or stream after the other."""
        if self._in_order is None:
            self._join()
            room = next((w.room for w in self._workers if w.room.used_bytes), None)
            decoder = decoder_for(ImageFormat.XZ)
            self._in_order = Unpacker(decoder, self._pool, self._emit, room, self._position)
        return self._in_order


def _damaged(file_byte: int, reason: str) -> ImageError:
    return ImageError(
        f"xz: the compressed data is damaged near byte {file_byte} of the compressed file: {reason}"
    )
