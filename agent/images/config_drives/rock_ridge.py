"""POSIX names in the System Use areas of ISO 9660 directory records (Rock Ridge). Pure.

IEEE P1281 (SUSP 1.12): entries of two letters, a length, a version and data; ``CE`` continues elsewhere, ``ST`` ends.
IEEE P1282 (RRIP 1.12): ``NM`` is a part of a name, ``SL`` a symbolic link, ``CL`` and ``RE`` move deep folders.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.errors import ConfigDriveError

ReadBlock = Callable[[int, int, int], bytes]
"""Returns (block, offset, size) of the image."""
_HEADER_BYTES = 4
_CONTINUATION_BYTES = 28
_SHARING = b"SP\x07\x01\xbe\xef"
_MAX_CONTINUATIONS = 16
_SELF_OR_PARENT = 0x06


@dataclass(frozen=True, slots=True)
class RockRidge:
    """How to read the names of one image; ``skip_bytes`` precede the entries of every record but the root's first."""

    skip_bytes: int
    read_block: ReadBlock

    @classmethod
    def found_in(cls, system_use: bytes, read_block: ReadBlock) -> "RockRidge | None":
        """Return the reader if the root's first record announces System Use entries and they are Rock Ridge's; else ``None``."""
        if len(system_use) <= len(_SHARING) or not system_use.startswith(_SHARING):
            return None
        found = cls(system_use[len(_SHARING)], read_block)
        kinds = {kind for kind, _ in found._entries(system_use)}
        return found if kinds & {b"PX", b"RR", b"ER", b"NM"} else None

    def name_of(self, system_use: bytes) -> str | None:
        """Return the name of a record; ``None`` = it has none of its own.

        Raises:
            ConfigDriveError: The record is a link or a moved folder, or its entries are damaged.
        """
        parts = []
        for kind, data in self._entries(system_use[self.skip_bytes :]):
            if kind == b"NM" and data and not data[0] & _SELF_OR_PARENT:
                parts.append(data[1:])
            elif kind in (b"SL", b"CL", b"RE"):
                raise _damaged("it holds a symbolic link or a folder moved for its depth")
        if not parts:
            return None
        try:
            return b"".join(parts).decode()
        except UnicodeDecodeError as error:
            raise _damaged("a Rock Ridge name is no UTF-8") from error

    def _entries(self, area: bytes) -> Iterator[tuple[bytes, bytes]]:
        for _ in range(_MAX_CONTINUATIONS):
            further = None
            at = 0
            while at + _HEADER_BYTES <= len(area):
                kind, length = area[at : at + 2], area[at + 2]
                if kind == b"ST" or length == 0:
                    break
                if length < _HEADER_BYTES or at + length > len(area):
                    raise _damaged("a System Use entry is cut off")
                if kind == b"CE" and length == _CONTINUATION_BYTES:
                    further = area[at : at + length]
                yield kind, area[at + _HEADER_BYTES : at + length]
                at += length
            if further is None:
                return
            block, offset, size = (
                int.from_bytes(further[start : start + 4], "little") for start in (4, 12, 20)
            )
            area = self.read_block(block, offset, size)
        raise _damaged("its System Use entries have no end")


def _damaged(what: str) -> ConfigDriveError:
    return ConfigDriveError(f"the config drive's ISO 9660 image cannot be read: {what}")
