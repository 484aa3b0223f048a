"""Inflates the compressed clusters of a qcow2 image; one object for each thread."""

from agent.errors import ImageError
from agent.images.formats.qcow2_header import Compression, Header
from agent.images.unpacking.inflate import inflate_raw
from agent.images.unpacking.zstd import ZstdDecoder


class ClusterInflater:
    """Fills one cluster after the other."""

    def __init__(self, header: Header) -> None:
        is_zstd = header.compression is Compression.ZSTD
        self._zstd = ZstdDecoder() if is_zstd else None

    def inflate(self, source: memoryview, target: memoryview, file_byte: int) -> None:
        """Fill ``target``, one cluster.

        Args:
            source: Writable memory with the cluster's data, and perhaps more.
            target: Writable memory for the content.
            file_byte: Where ``source`` lies in the file, for the message.

        Raises:
            ImageError: The cluster is damaged.
        """
        try:
            if self._zstd is None:
                piece = inflate_raw(source, len(target))
                done = len(piece)
                target[:done] = piece
            else:
                done = _from_zstd(self._zstd, source, target)
        except ImageError as error:
            raise ImageError(
                f"qcow2: the compressed cluster at byte {file_byte} of the file: {error}"
            ) from error
        if done != len(target):
            raise ImageError(
                f"qcow2: the compressed cluster at byte {file_byte} of the file holds {done} of"
                f" {len(target)} bytes; the file is damaged"
            )


def _from_zstd(decoder: ZstdDecoder, source: memoryview, target: memoryview) -> int:
    decoder.reset()
    done = 0
    while done < len(target):
        consumed, produced = decoder.step(source, target[done:])
        source, done = source[consumed:], done + produced
        if (not consumed and not produced) or decoder.at_frame_end:
            break
    return done
