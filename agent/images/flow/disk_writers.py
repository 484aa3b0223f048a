"""Writes pieces of buffers with two threads, so that the disk has its next order before it has finished the last one."""

from dataclasses import dataclass

from agent.images.flow.buffers import Buffer
from agent.images.flow.stage import Stage
from agent.images.flow.target import ImageTarget

_THREADS = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    """``buffer`` from ``start`` to ``end`` belongs at ``place`` of the image."""

    buffer: Buffer
    start: int
    end: int
    place: int

    def release(self) -> None:
        """Let go of the buffer."""
        self.buffer.release()


class DiskWriters:
    """Takes pieces in any order; no two of them may overlap on the disk."""

    def __init__(self, target: ImageTarget) -> None:
        self._target = target
        self._stage: Stage[_Piece] = Stage("write", self._write, threads=_THREADS)

    def write(self, buffer: Buffer, start: int, end: int, place: int) -> None:
        """Hold ``buffer`` until the piece of it is written.

        Raises:
            AgentError: An earlier piece could not be written.
        """
        self._stage.check()
        buffer.hold()
        self._stage.put(_Piece(buffer, start, end, place))

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            AgentError: A piece could not be written.
        """
        self._stage.finish()

    def stop(self) -> None:
        """End the threads after a failure elsewhere; never raises."""
        self._stage.stop()

    def _write(self, piece: _Piece) -> None:
        self._target.write(piece.buffer.view[piece.start : piece.end], piece.place)
