"""What the agent's settings want of the hardware managers; plug-ins see this and never the settings themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.hardware.image_rules import ImageRules


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectWishes:
    """For collectors of inspections: the longest wait for LLDP on all cards together, and the benchmarks to run."""

    lldp_timeout_s: float = 30.0
    benchmarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Each has the default of its setting.

    ``skip_bmc`` = the machine's own BMC is not asked for its addresses; ``containers`` as the controller's lookup has ``agent_containers``;
    ``bios_bootloader`` = the controller allows to run the ``grub-install`` of an image (CVE-2026-43003); ``disable_bootc`` = no bootable
    container is installed here; ``ignore_bootloader_failure`` = a deployment is good although the firmware could not be told to boot it.
    """

    images: ImageRules = field(default_factory=ImageRules)
    skip_bmc: bool = False
    collecting: CollectWishes = field(default_factory=CollectWishes)
    containers: Mapping[str, Any] = field(default_factory=dict)
    inject_files_priority: int = 0
    bios_bootloader: bool = False
    disable_bootc: bool = False
    ignore_bootloader_failure: bool = False
