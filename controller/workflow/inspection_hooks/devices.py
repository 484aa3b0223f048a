"""The hooks ``pci-devices``, ``accelerators`` and ``extra-hardware``: what collectors beside the inventory have found."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from controller.setting_words import accelerators, pci_aliases
from controller.workflow.inspection_hooks.hook import Found, Hook, Seen

_MOST_DEVICES = 10_000
_MOST_ROWS = 20_000
_ROW = 4
_Ids = tuple[str, str]


def _devices(seen: Seen) -> Iterator[tuple[_Ids, Mapping[str, Any]]]:
    """Yield PCI devices with vendor and product in lower case; BMCs have them in the inventory."""
    listed = seen.plugin_data.get("pci_devices") or seen.inventory.get("pci_devices")
    for one in listed[:_MOST_DEVICES] if isinstance(listed, list) else ():
        if isinstance(one, Mapping):
            ids = str(one.get("vendor_id")).lower(), str(one.get("product_id")).lower()
            yield ids, one


def _count(seen: Seen) -> Found:
    aliases = pci_aliases(seen.settings.inspection_pci_aliases)
    counted = Counter(aliases[ids] for ids, _one in _devices(seen) if ids in aliases)
    return Found(capabilities={name: str(count) for name, count in counted.items()})


def _accelerators(seen: Seen) -> Found:
    if not list(_devices(seen)):
        who = "the BMC has told" if seen.is_told_by_bmc else "the ramdisk has sent"
        return Found(warnings=(f"accelerators: {who} no PCI devices",))
    known = accelerators(seen.settings.inspection_accelerators)
    found = [
        {**known[ids]._asdict(), "pci_address": str(one.get("bus"))}
        for ids, one in _devices(seen)
        if ids in known
    ]
    return Found(properties={"accelerators": found})


def _extra_hardware(seen: Seen) -> Found:
    """Make an object of the rows of four that hardware-detect prints: class, device, what, value."""
    data, is_strict = seen.plugin_data.get("data"), seen.settings.inspection_extra_hardware_strict
    if data is None:
        text = "extra-hardware: BMCs tell none; a ramdisk's inspection does"
        return Found(warnings=(text,) if seen.is_told_by_bmc else ())
    if not isinstance(data, list) or not all(_is_row(row, is_strict) for row in data):
        dropped = ("data",) if is_strict else ()
        return Found(dropped=dropped, warnings=("extra-hardware: data is no list of rows",))
    extra: dict[str, dict[str, dict[str, Any]]] = {}
    ignored = 0
    for row in data[:_MOST_ROWS]:
        if len(row) < _ROW or not all(isinstance(one, str) for one in row[:3]):
            ignored += bool(row)
            continue
        kind, device, what, value = row[:_ROW]
        extra.setdefault(kind, {}).setdefault(device, {})[what] = _number(value)
    words = (f"extra-hardware: {ignored} rows are malformed and left out",) if ignored else ()
    return Found(plugin_data={"extra": extra}, dropped=("data",), warnings=words)


def _is_row(row: Any, is_strict: bool) -> bool:
    return isinstance(row, list) and (not is_strict or len(row) == _ROW)


def _number(value: Any) -> Any:
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        return value


PCI_DEVICES = Hook(run=_count)
ACCELERATORS = Hook(run=_accelerators)
EXTRA_HARDWARE = Hook(run=_extra_hardware)
