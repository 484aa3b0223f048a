"""Which copies an image store lets go of for a new one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.images.kept_files import StoreFull

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A copy in the store."""

    uuid: str
    name: str
    size_bytes: int
    used_at: float
    can_go: bool
    """It can be had again: from its source, or from another controller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a store may hold; bytes."""

    most_bytes: int
    """0 = whatever the disk has."""
    free_bytes: int
    """On the disk now."""
    left_free_bytes: int
    """So much of the disk stays free."""


def make_room(wanted_bytes: int, kept: Sequence[Kept], room: Room) -> tuple[str, ...]:
    """Return the UUIDs of the copies that go for ``wanted_bytes`` more, those first that were used longest ago.

    Raises:
        StoreFull: Even without all that can go there is not enough room; the text says what to do.
    """
    held_bytes = sum(copy.size_bytes for copy in kept)
    missing_bytes = max(
        held_bytes + wanted_bytes - room.most_bytes if room.most_bytes else 0,
        wanted_bytes + room.left_free_bytes - room.free_bytes,
    )
    gone: list[str] = []
    for copy in sorted((copy for copy in kept if copy.can_go), key=lambda copy: copy.used_at):
        if missing_bytes <= 0:
            break
        gone.append(copy.uuid)
        missing_bytes -= copy.size_bytes
    if missing_bytes > 0:
        raise StoreFull(_too_little(wanted_bytes, kept, room))
    return tuple(gone)


def _too_little(wanted_bytes: int, kept: Sequence[Kept], room: Room) -> str:
    stays_mib = sum(copy.size_bytes for copy in kept if not copy.can_go) / _MIB
    limit = f"image_store_mib allows {room.most_bytes / _MIB:.0f} MiB" if room.most_bytes else ""
    disk = (
        f"its disk has {room.free_bytes / _MIB:.0f} MiB free, of which"
        f" {room.left_free_bytes / _MIB:.0f} MiB stay so"
    )
    return (
        f"{wanted_bytes / _MIB:.0f} MiB more do not fit into the image store: {', '.join(filter(None, (limit, disk)))};"
        f" {stays_mib:.0f} MiB in it are images that are nowhere else; delete images, raise image_store_mib, or put"
        " image_store_directory on a larger disk"
    )
