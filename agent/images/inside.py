"""A look inside an image before the first write: its format, its tables, and the beginning of its content."""

from dataclasses import dataclass

from agent.images.flow.meter import Meter
from agent.images.flow.pipeline import Pipeline
from agent.images.flow.qcow2_sink import TableWatch
from agent.images.formats import first_look
from agent.images.formats.qcow2_header import read_header
from agent.images.formats.qcow2_map import Map, read_map
from agent.images.formats.recognition import (
    END_BYTES,
    PROBE_BYTES,
    ImageFormat,
    check_end,
    detect,
)
from agent.images.sources.forward_reader import ForwardReader
from agent.images.sources.mirrors import Mirrors
from agent.images.sources.stream import ImageSource
from agent.images.unpacking.unpacked_source import UnpackedSource

_DISK_UNIT_BYTES = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What is in the file, and the pipeline that will stream it.

    ``found`` is the file's format, or ``qcow2`` when that is ``packed_in`` another one; ``tables`` = ``None``: the format
    has none. ``size_bytes`` is that of what the pipeline reads; ``None`` = not known.
    """

    found: ImageFormat
    packed_in: ImageFormat | None
    pipeline: Pipeline
    tables: Map | None
    watch: TableWatch
    head: first_look.Head
    size_bytes: int | None

    @property
    def content_bytes(self) -> int | None:
        """How many bytes of the disk the image takes; ``None`` = only its end will tell."""
        if self.tables is not None:
            return self.tables.header.virtual_bytes
        return self.size_bytes if self.found is ImageFormat.RAW else None

    @property
    def shown_format(self) -> str:
        """The format in words: ``qcow2 in gzip``."""
        return f"{self.found} in {self.packed_in}" if self.packed_in else str(self.found)


def look_inside(source: Mirrors, algorithm: str, name: str, meter: Meter) -> Inside:
    """Read the beginning of the file and its tables.

    Args:
        source: The published file, at its beginning.
        algorithm: Hashes the published bytes.
        name: Of the image, for messages.
        meter: Hears of passes over the file.

    Raises:
        ImageError: It is damaged, or something that cannot be written.
        ImageDownloadError: The server failed for good.
    """
    pipeline = Pipeline(source, algorithm, meter)
    found = detect(_start(pipeline), name)
    if found is ImageFormat.QCOW2:
        return _inside_qcow2(source, pipeline, None, meter)
    if first_look.inner_format(pipeline.first, found, name) is ImageFormat.QCOW2:
        unpacked = UnpackedSource(source, found, algorithm)
        unpacked.seek(0)
        inner = Pipeline(unpacked, algorithm, meter, published=unpacked)
        return _inside_qcow2(unpacked, inner, found, meter)
    head = first_look.head_of_stream(pipeline.first, found)
    if found is ImageFormat.RAW:
        _look_at_end(source, name)
    return Inside(
        found=found,
        packed_in=None,
        pipeline=pipeline,
        tables=None,
        watch=TableWatch(source.read_at),
        head=head,
        size_bytes=source.size_bytes,
    )


def _start(pipeline: Pipeline) -> bytes:
    return bytes(pipeline.first.view[: min(PROBE_BYTES, pipeline.first.used_bytes)])


def _look_at_end(source: Mirrors, name: str) -> None:
    """Look for what only the end of a file tells, if it may be a VHD image and its end can be reached.

    A VHD image of fixed size is a disk and 512 bytes; disks have whole MiB, or a geometry of at least 4 heads, which makes
    whole 2 KiB. So an ordinary image costs no request; the stream's end is looked at in any case.
    """
    size_bytes = source.size_bytes or 0
    if not source.has_ranges or size_bytes % _DISK_UNIT_BYTES != END_BYTES:
        return
    source.disconnect()  # goes on later; some servers answer one connection at a time
    check_end(source.read_at(size_bytes - END_BYTES, END_BYTES), name)


def _inside_qcow2(
    source: ImageSource, pipeline: Pipeline, packed_in: ImageFormat | None, meter: Meter
) -> Inside:
    """Read the tables and the content's head, by Range if the server can, else in passes over the file."""
    start = _start(pipeline)
    if source.has_ranges and source.size_bytes is not None:
        source.disconnect()
        watch, size = TableWatch(source.read_at), source.size_bytes
        tables = read_map(read_header(start, size), watch.read)
        head = first_look.head_of_qcow2(tables, watch.read)
    else:
        reader = ForwardReader(source, meter, _why_passes(packed_in))
        size = reader.measure()
        watch = TableWatch(reader.read_at)
        tables = read_map(read_header(start, size), watch.read)
        head = first_look.head_of_qcow2(tables, watch.read)
        source.seek(pipeline.first.used_bytes)
    return Inside(
        found=ImageFormat.QCOW2,
        packed_in=packed_in,
        pipeline=pipeline,
        tables=tables,
        watch=watch,
        head=head,
        size_bytes=source.size_bytes,
    )


def _why_passes(packed_in: ImageFormat | None) -> tuple[str, str]:
    """Return why the file is read several times, and how to save that."""
    if packed_in is None:
        return "the server has no Range", "enable Range there or publish raw or raw.zst"
    return (
        f"the qcow2 image is packed in {packed_in}",
        f"publish it without {packed_in} (qemu-img convert -c packs it too)",
    )
