"""Machines that are known before they appear: which node expects a machine, and whether the machine is what it should be. Pure.

``properties.expected`` of a node says by what the machine is recognized (one of it is enough) and what it must have, so that any client of
Ironic's API can write it. The hook ``check-expected`` compares in every inspection of such a node.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.protocol.foreign_text import clean_line
from agent.protocol.hardware_address import normal_mac
from controller.boot.recognition import real_serial
from controller.errors import StepFailed
from controller.workflow.inspected_machine import macs_of, reported_bmc_addresses, serial_of
from controller.workflow.inspection_hooks.hook import Found, Hook, Seen
from controller.workflow.inspection_hooks.machine_facts import of

EXPECTED = "expected"
"""Key of a node's ``properties``."""
_SIGNS = ("serial", "mac", "bmc_address")
_MOST_SHOWN = 120
_GIB = 1 << 30


def expected_of(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a node expects; empty = nothing, or nothing that can be read."""
    found = properties.get(EXPECTED)
    return found if isinstance(found, Mapping) else {}


def is_expected(expected: Mapping[str, Any], inventory: Mapping[str, Any]) -> bool:
    """Say whether a machine is the expected one: by its serial number, a MAC address or its BMC's address; none may contradict."""
    verdicts = [
        one for one in (_sign(name, expected, inventory) for name in _SIGNS) if one is not None
    ]
    return bool(verdicts) and all(verdicts)


def mismatches(expected: Mapping[str, Any], inventory: Mapping[str, Any]) -> tuple[str, ...]:
    """Say in what a machine is not what it should be: each as ``cpus is 32, expected 64``."""
    signs = [name for name in _SIGNS if _sign(name, expected, inventory) is False]
    found = [f"{name} {_shown(expected[name])} is not this machine's" for name in signs]
    for name, value in expected.items():
        if name in _SIGNS:
            continue
        if name not in _FACTS:
            found.append(
                f"properties.expected has {clean_line(name, _MOST_SHOWN)}, which no inspection finds; it may have "
                f"{', '.join((*_SIGNS, *_FACTS))}"
            )
            continue
        has = _FACTS[name](inventory)
        if str(has).strip().lower() != str(value).strip().lower():
            found.append(f"{name} is {_shown(has)}, expected {_shown(value)}")
    return tuple(found)


def untold(expected: Mapping[str, Any], inventory: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is expected and an inventory does not tell: nothing can be said of it."""
    return tuple(
        name
        for name in expected
        if (name == "mac" and not macs_of(inventory))
        or (name in _SIGNS and _sign(name, expected, inventory) is None)
        or (name in _FACTS and not _FACTS[name](inventory))
    )


def _sign(name: str, expected: Mapping[str, Any], inventory: Mapping[str, Any]) -> bool | None:
    """Return whether a sign fits; ``None`` = the node does not have it, or the machine does not tell."""
    wanted = expected.get(name)
    if not isinstance(wanted, str) or not wanted.strip():
        return None
    if name == "serial":
        serial = real_serial(serial_of(inventory))
        return None if serial is None else serial.lower() == wanted.strip().lower()
    if name == "mac":
        return normal_mac(wanted) in macs_of(inventory)
    addresses = reported_bmc_addresses(inventory)
    return _ip(wanted) in set(map(_ip, addresses)) if addresses else None


def _ip(text: str) -> Any:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return text


def _shown(value: Any) -> str:
    return "unknown" if value is None else clean_line(value, _MOST_SHOWN)


def _sizes_gib(inventory: Mapping[str, Any]) -> Iterable[int]:
    disks = inventory.get("disks")
    for disk in disks if isinstance(disks, list) else ():
        size_bytes = of(disk, "size", int)
        if size_bytes:
            yield size_bytes // _GIB


_FACTS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "cpu_arch": lambda found: of(found.get("cpu"), "architecture", str),
    "cpus": lambda found: of(found.get("cpu"), "count", int),
    "cpu_model": lambda found: of(found.get("cpu"), "model_name", str),
    "memory_mb": lambda found: of(found.get("memory"), "physical_mb", int),
    "disks": lambda found: len(list(_sizes_gib(found))),
    "disk_gib": lambda found: sum(_sizes_gib(found)),
    "interfaces": lambda found: len(macs_of(found)),
    "product": lambda found: of(found.get("system_vendor"), "product_name", str),
    "manufacturer": lambda found: of(found.get("system_vendor"), "manufacturer", str),
}
"""What a machine may be expected to have, from its inventory."""


def _check(seen: Seen) -> Found:
    expected = expected_of(seen.properties)
    missing = untold(expected, seen.inventory) if seen.is_told_by_bmc else ()
    told = {name: value for name, value in expected.items() if name not in missing}
    problems = mismatches(told, seen.inventory)
    if problems:
        raise StepFailed(
            f"this is not the machine that properties.expected describes: {'; '.join(problems)}; look at the machine, or "
            "correct the node"
        )
    text = f"check-expected: the BMC does not tell {', '.join(missing)}, so that was not compared with properties.expected"
    return Found(warnings=(text,) if missing else ())


CHECK_EXPECTED = Hook(prepare=_check)
