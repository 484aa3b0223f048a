"""Reads the files of a small ISO 9660 image from memory. Pure; it trusts no number in the image.

Formats: ECMA-119 (volume and directory records), Joliet (UCS-2 names in a supplementary descriptor) and the Rock Ridge names of
IEEE P1282 inside the System Use areas of IEEE P1281. Names come from Rock Ridge if there is any, else from Joliet, else from
ISO 9660 itself. Owners, modes and times are ignored.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import ConfigDriveError
from agent.images.config_drives.rock_ridge import RockRidge

SECTOR_BYTES = 2048
_DESCRIPTORS_AT = 16
_MAX_DESCRIPTORS = 64
_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_JOLIET = (b"%/@", b"%/C", b"%/E")
_ROOT_RECORD = slice(156, 190)
_IS_DIRECTORY, _IS_ASSOCIATED, _IS_CONTINUED = 0x02, 0x04, 0x80
_RECORD_BYTES = 33
_MAX_ENTRIES = 10_000
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class IsoFile:
    """A file; ``path`` is relative, with slashes, and never leads out of its root."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Record:
    """A directory record: where its data lies, what it is called, and what stands in its System Use area."""

    first_block: int
    size_bytes: int
    flags: int
    raw_name: bytes
    system_use: bytes

    @property
    def is_self_or_parent(self) -> bool:
        return self.raw_name in (b"\0", b"\1")


def read_files(content: bytes) -> tuple[IsoFile, ...]:
    """Return the files of an image, in the order of its directories.

    Raises:
        ConfigDriveError: It is damaged, or holds what is no plain file or folder; the message says which.
    """
    return tuple(_Reader(content).walk())


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        primary, joliet = _roots(content)
        first = next(self._records(primary), None)
        self._rock_ridge = RockRidge.found_in(first.system_use, self._block) if first else None
        self._is_joliet = self._rock_ridge is None and joliet is not None
        self._root = joliet if joliet is not None and self._is_joliet else primary
        self._entries = 0
        self._data_bytes = 0

    def walk(self) -> Iterator[IsoFile]:
        yield from self._folder(self._root, "", _MAX_DEPTH)

    def _folder(self, folder: _Record, prefix: str, depth: int) -> Iterator[IsoFile]:
        if depth == 0:
            raise _damaged(f"folders are nested deeper than {_MAX_DEPTH}")
        for record in self._records(folder):
            self._entries += 1
            if self._entries > _MAX_ENTRIES:
                raise _damaged(f"it has more than {_MAX_ENTRIES} entries")
            if record.is_self_or_parent or record.flags & _IS_ASSOCIATED:
                continue
            path = prefix + self._name(record)
            if record.flags & _IS_DIRECTORY:
                yield from self._folder(record, path + "/", depth - 1)
            elif record.flags & _IS_CONTINUED:
                raise _damaged(f"{path} is stored in several extents")
            else:
                yield IsoFile(path, self._file(record, path))

    def _file(self, record: _Record, path: str) -> bytes:
        self._data_bytes += record.size_bytes
        if self._data_bytes > len(self._content):
            raise _damaged(f"its files up to {path} are larger than the whole image")
        return self._block(record.first_block, 0, record.size_bytes)

    def _block(self, block: int, offset: int, size_bytes: int) -> bytes:
        start = block * SECTOR_BYTES + offset
        data = self._content[start : start + size_bytes]
        if len(data) != size_bytes:
            raise _damaged(f"block {block} with {size_bytes} bytes lies beyond its end")
        return data

    def _records(self, folder: _Record) -> Iterator[_Record]:
        """Yield the records of a folder; none crosses a sector, and a length of 0 ends a sector (ECMA-119, 6.8.1)."""
        data = self._block(folder.first_block, 0, folder.size_bytes)
        for sector_at in range(0, len(data), SECTOR_BYTES):
            sector = data[sector_at : sector_at + SECTOR_BYTES]
            at = 0
            while at < len(sector) and sector[at]:
                yield _parse_record(sector[at : at + sector[at]], sector[at])
                at += sector[at]

    def _name(self, record: _Record) -> str:
        name = self._rock_ridge.name_of(record.system_use) if self._rock_ridge else None
        if name is None:
            encoding = "utf-16-be" if self._is_joliet else "ascii"
            try:
                name = record.raw_name.decode(encoding)
            except UnicodeDecodeError as error:
                raise _damaged(f"a name cannot be read: {error.reason}") from error
            name = name.partition(";")[0]
            name = name if self._is_joliet else name.rstrip(".")
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise _damaged(f"an entry is called {name!r}")
        return name


def _roots(content: bytes) -> tuple[_Record, _Record | None]:
    """Return the root folders of the primary and of the Joliet tree."""
    primary = joliet = None
    for number in range(_DESCRIPTORS_AT, _DESCRIPTORS_AT + _MAX_DESCRIPTORS):
        block = content[number * SECTOR_BYTES : (number + 1) * SECTOR_BYTES]
        if len(block) < SECTOR_BYTES or block[1:6] != b"CD001":
            raise _damaged("its list of volume descriptors has no end")
        if block[0] == _TERMINATOR:
            break
        if int.from_bytes(block[128:130], "little") != SECTOR_BYTES:
            raise _damaged(f"its blocks do not have {SECTOR_BYTES} bytes")
        raw = block[_ROOT_RECORD]
        if block[0] == _PRIMARY and primary is None:
            primary = _parse_record(raw, len(raw))
        elif block[0] == _SUPPLEMENTARY and block[88:91] in _JOLIET:
            joliet = _parse_record(raw, len(raw))
    if primary is None:
        raise _damaged("it has no primary volume descriptor")
    return primary, joliet


def _parse_record(raw: bytes, length: int) -> _Record:
    """Parse a directory record (ECMA-119, 9.1)."""
    if length < _RECORD_BYTES + 1 or len(raw) != length or _RECORD_BYTES + raw[32] > length:
        raise _damaged("a directory record is cut off")
    if raw[26] or raw[27]:
        raise _damaged("a file is interleaved")
    name_end = _RECORD_BYTES + raw[32]
    return _Record(
        first_block=int.from_bytes(raw[2:6], "little") + raw[1],
        size_bytes=int.from_bytes(raw[10:14], "little"),
        flags=raw[25],
        raw_name=raw[_RECORD_BYTES:name_end],
        system_use=raw[name_end + name_end % 2 :],
    )


def _damaged(what: str) -> ConfigDriveError:
    return ConfigDriveError(f"the config drive's ISO 9660 image cannot be read: {what}")
