"""The hooks ``architecture``, ``cpus``, ``cpu-capabilities``, ``memory`` and ``boot-mode``: properties of the machine.

A fact that the ramdisk or the BMC does not tell is left out with a warning; Ironic fails the inspection for an architecture or a memory that is missing.
"""

from collections.abc import Mapping
from typing import Any

from controller.setting_words import cpu_capabilities
from controller.workflow.inspection_hooks.hook import Found, Hook, Seen

_MOST_FLAGS = 4096


def of(part: Any, key: str, kind: type) -> Any:
    """Return ``part[key]`` if the ramdisk sent it and it is of this kind."""
    value = part.get(key) if isinstance(part, Mapping) else None
    return value if type(value) is kind else None


def _property(seen: Seen, part: str, key: str, kind: type, name: str) -> Found:
    value = of(seen.inventory.get(part), key, kind)
    if value:
        return Found(properties={name: value})
    return Found(warnings=(f"the inventory has no {part}.{key}, so properties.{name} stays",))


def _cpu_capabilities(seen: Seen) -> Found:
    flags = of(seen.inventory.get("cpu"), "flags", list)
    known = {flag for flag in (flags or [])[:_MOST_FLAGS] if isinstance(flag, str)}
    wanted = cpu_capabilities(seen.settings.inspection_cpu_capabilities)
    if wanted and seen.is_told_by_bmc and not known:
        return Found(warnings=("cpu-capabilities: the BMC tells no flags of the processors",))
    return Found(capabilities={name: "true" for flag, name in wanted.items() if flag in known})


def _boot_mode(seen: Seen) -> Found:
    mode = of(seen.inventory.get("boot"), "current_boot_mode", str)
    return Found(capabilities={"boot_mode": mode} if mode in ("bios", "uefi") else {})


ARCHITECTURE = Hook(run=lambda seen: _property(seen, "cpu", "architecture", str, "cpu_arch"))
CPUS = Hook(run=lambda seen: _property(seen, "cpu", "count", int, "cpus"))
MEMORY = Hook(run=lambda seen: _property(seen, "memory", "physical_mb", int, "memory_mb"))
CPU_CAPABILITIES = Hook(run=_cpu_capabilities)
BOOT_MODE = Hook(run=_boot_mode)
