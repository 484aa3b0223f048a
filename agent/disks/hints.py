"""Whether a disk is the one that a hint means. Pure; the language is read in :mod:`agent.protocol.device_hints`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.protocol import device_hints
from agent.protocol.device_hints import Hint
from agent.protocol.hint_values import holds
from agent.protocol.refusal import Refusal

_GIB = 1 << 30
UNKNOWN = "none"
"""What a value that a disk does not tell is compared as: Ironic's agent makes text of Python's ``None``."""
_NEGATIONS = ("!=", "s!=")
_VALUES: Mapping[str, Callable[[BlockDevice], tuple[str | None, ...]]] = {
    "name": lambda disk: (str(disk.path), *map(str, disk.paths)),
    "model": lambda disk: (disk.model,),
    "vendor": lambda disk: (disk.vendor,),
    "serial": lambda disk: (disk.serial, *disk.serials),
    "wwn": lambda disk: (disk.wwn, *disk.wwns),
    "wwn_with_extension": lambda disk: (disk.wwn_with_extension,),
    "wwn_vendor_extension": lambda disk: (disk.wwn_vendor_extension,),
    "hctl": lambda disk: (disk.hctl,),
    "by_path": lambda disk: (disk.by_path, *disk.by_paths),
    "tran": lambda disk: (disk.transport,),
    "size": lambda disk: (repr(disk.size_bytes / _GIB),),
    "rotational": lambda disk: (str(disk.is_rotational).lower(),),
}
_LISTED = ("serial", "wwn")
"""Values of which a disk has several spellings or none."""


def root_hints(node: Mapping[str, Any]) -> tuple[Hint, ...]:
    """Return the hints for the root disk.

    Raises:
        InvalidRequest: A hint is unknown or malformed; the message names it.
    """
    try:
        return device_hints.root_hints(node)
    except Refusal as error:
        raise InvalidRequest(f"{error.field}: {error}") from error


def skip_hints(node: Mapping[str, Any]) -> tuple[tuple[Hint, ...], ...]:
    """Return the hints of each entry that names disks to be left alone.

    Raises:
        InvalidRequest: A hint is unknown or malformed; the message names it.
    """
    try:
        return device_hints.skip_hints(node)
    except Refusal as error:
        raise InvalidRequest(f"{error.field}: {error}") from error


def matches(hint: Hint, disk: BlockDevice) -> bool:
    """Tell whether ``disk`` satisfies ``hint``, to be chosen by it.

    One of several spellings of a serial number or WWN is enough; a negation must hold for all of them. A disk that tells no
    serial number or no WWN is not chosen by them; any other value that it does not tell is compared as ``none``.
    """
    if hint.name in _LISTED and not _told(hint, disk):
        return False
    return judge(hint, disk) is True


def protects(hints: Sequence[Hint], disk: BlockDevice) -> bool:
    """Tell whether ``disk`` satisfies all of ``hints``, which name disks to be left alone.

    What the disk does not tell is compared as ``none``, so that ``s!= nvme`` protects a disk of unknown transport.

    Raises:
        InvalidRequest: A number is asked for where the disk has text; nobody knows what the operator meant.
    """
    verdicts = {hint: judge(hint, disk) for hint in hints}
    if False in verdicts.values():
        return False
    if open_hint := next((hint for hint, verdict in verdicts.items() if verdict is None), None):
        raise InvalidRequest(
            f"skip_block_devices: {open_hint} compares numbers, but {open_hint.name} of {disk.path} is"
            f" {shown_value(open_hint, disk)}; use an operator for text, such as s== or s!="
        )
    return True


def judge(hint: Hint, disk: BlockDevice) -> bool | None:
    """Return whether ``hint`` holds for ``disk``; ``None`` = it compares numbers and the disk has none there."""
    values = [value.lower() for value in _told(hint, disk)] or [UNKNOWN]
    verdicts = [holds(hint, value) for value in values]
    known = [verdict for verdict in verdicts if verdict is not None]
    if not known:
        return None
    return all(known) if hint.op in _NEGATIONS else any(known)


def _told(hint: Hint, disk: BlockDevice) -> list[str]:
    return [value.strip() for value in _VALUES[hint.name](disk) if value and value.strip()]


def shown_value(hint: Hint, disk: BlockDevice) -> str:
    """Return what the disk has where ``hint`` looks, for messages."""
    values = list(dict.fromkeys(value for value in _VALUES[hint.name](disk) if value))
    if hint.name == "size":
        return f"{disk.size_bytes / _GIB:.2f} GiB"
    return " or ".join(values) or "unknown"
