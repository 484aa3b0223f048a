"""The NVRAM of a UEFI machine, as its BMC writes into it: what the firmware boots next.

Sources: UEFI 2.10 sections 3.1.3 (load options), 3.3 (``BootNext``), 10.3.4.22 (URI device path); EDK II's
``MdeModulePkg/Include/Guid/VariableFormat.h`` and ``AuthenticatedVariableFormat.h`` for how variables lie in flash.
"""

import struct
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.lab.errors import LabError

_GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c").bytes_le
_STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
_STORE_HEADER = struct.Struct("<16sIBBHI")
_VARIABLE = struct.Struct("<HBBIQ16sIII16s")
_START, _ADDED, _DELETED = 0x55AA, 0x3F, 0xFD
_STAYS, _SEEN_BY_ALL = 1, 2 | 4
"""Attributes: kept without power; seen while booting and by systems."""
_ACTIVE = 1
_NUMBER = 0x1B60
"""Of the boot option that the BMC keeps for itself."""
_END_OF_PATH = bytes((0x7F, 0xFF, 4, 0))


def boot_address_next(variables: Path, url: str) -> None:
    """Have the firmware fetch and boot what is at an address at its next start, and only then.

    Raises:
        LabError: The NVRAM is full, or none.
    """
    node = struct.pack("<BBH", 3, 24, 4 + len(url)) + url.encode("ascii")
    path = node + _END_OF_PATH
    name = "BMC\0".encode("utf-16-le")
    option = struct.pack("<IH", _ACTIVE, len(path)) + name + path
    data = bytearray(variables.read_bytes())
    _set(data, f"Boot{_NUMBER:04X}", option)
    _set(data, "BootNext", struct.pack("<H", _NUMBER))
    variables.write_bytes(data)


def _set(data: bytearray, name: str, value: bytes) -> None:
    """Set a variable: the old one is marked as deleted, the new one written behind the last."""
    packed = f"{name}\0".encode("utf-16-le")
    free, end = _first_variable(data)
    for place, its_name, after in _variables(data):
        if its_name == packed:
            data[place + 2] &= _DELETED
        free = after
    head = _VARIABLE.pack(
        *(_START, _ADDED, 0, _STAYS | _SEEN_BY_ALL, 0, bytes(16), 0),
        *(len(packed), len(value), _GLOBAL),
    )
    whole = head + packed + value
    if free + len(whole) > end:
        raise LabError("the machine's NVRAM is full")
    data[free : free + len(whole)] = whole


def _variables(data: bytearray) -> Iterator[tuple[int, bytes, int]]:
    """Yield of each variable of the firmware's own where it is, its name, and where the next one is; of others no name."""
    place, end = _first_variable(data)
    while place + _VARIABLE.size <= end:
        start, *_, name_bytes, value_bytes, owner = _VARIABLE.unpack_from(data, place)
        if start != _START:
            return
        first = place + _VARIABLE.size
        name = bytes(data[first : first + name_bytes]) if owner == _GLOBAL else b""
        after = _aligned(first + name_bytes + value_bytes)
        yield place, name, after
        place = after


def _first_variable(data: bytearray) -> tuple[int, int]:
    """Return where the variables begin, and where they must end."""
    (head_bytes,) = struct.unpack_from("<H", data, 48)
    kind, size_bytes, *_ = _STORE_HEADER.unpack_from(data, head_bytes)
    if kind != _STORE:
        raise LabError("the file is no NVRAM of OVMF")
    return _aligned(head_bytes + _STORE_HEADER.size), head_bytes + size_bytes


def _aligned(place: int) -> int:
    return -(-place // 4) * 4
