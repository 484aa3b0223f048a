"""Turns a compressed stream into buffers of its content, in order."""

from collections.abc import Callable

from agent.errors import ImageError
from agent.images.flow.buffers import BUFFER_BYTES, Buffer, BufferPool
from agent.images.unpacking.decompress import Decoder


class Unpacker:
    """Unpacks buffers as they come and hands the content on in buffers of another pool."""

    def __init__(
        self,
        decoder: Decoder,
        pool: BufferPool,
        emit: Callable[[Buffer], None],
        room: Buffer | None = None,
        position: int = 0,
    ) -> None:
        """Begin.

        Args:
            decoder: For the stream's format.
            pool: Where buffers for the content come from.
            emit: Takes the content's buffers, all full but the last.
            room: A buffer that holds the last bytes of what came before, to go on with.
            position: Where the content belongs.
        """
        self._decoder = decoder
        self._pool = pool
        self._emit = emit
        self._room = room
        self._position = position
        self._consumed = 0

    def feed(self, buffer: Buffer) -> None:
        """Unpack one buffer.

        Raises:
            ImageError: The data is damaged.
        """
        self.feed_view(buffer.view[: buffer.used_bytes], buffer.start_byte)

    def finish(self) -> int:
        """Hand on what is left and return the size of the content in bytes.

        Raises:
            ImageError: The compressed data is cut off.
        """
        self.feed_view(memoryview(bytearray(1))[:0], self._consumed)
        if not self._decoder.is_complete():
            raise ImageError(
                f"the compressed image is cut off: its last stream has no end at byte {self._consumed};"
                " publish it again"
            )
        if self._room is not None:
            self._hand_on(self._room)
        return self._position

    def feed_view(self, source: memoryview, file_byte: int) -> None:
        """Unpack the next bytes, which begin at ``file_byte`` of the compressed file.

        Raises:
            ImageError: The data is damaged; the message says behind which byte.
        """
        self._consumed = file_byte
        while True:
            room = self._room = self._room or self._pool.take(self._position)
            try:
                consumed, produced = self._decoder.step(source, room.view[room.used_bytes :])
            except ImageError as error:
                raise ImageError(
                    f"{error}, behind byte {self._consumed} of the compressed file"
                ) from error
            source = source[consumed:]
            self._consumed += consumed
            room.used_bytes += produced
            self._position += produced
            if room.used_bytes == BUFFER_BYTES:
                self._hand_on(room)
            if not produced and not consumed:
                if len(source):
                    raise ImageError(
                        f"byte {self._consumed} of the compressed file: something else follows the data"
                    )
                return

    def _hand_on(self, room: Buffer) -> None:
        self._room = None
        self._emit(room)
