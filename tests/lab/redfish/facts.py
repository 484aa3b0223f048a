"""What a machine says of itself to its Redfish BMC, and what the BMC may ask of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.lab.bmc_program import Chassis
from tests.lab.hardware import BootDevice, BootOverride


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A disk of the machine; ``protocol`` is Redfish's word (SATA, NVMe, SAS)."""

    serial: str
    size_bytes: int
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureBoot:
    """Secure Boot: as the machine runs now, as it starts next, and whether keys are enrolled then."""

    possible: bool = False
    running: bool = False
    enabled: bool = False
    keys: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The machine at one moment."""

    name: str
    uuid: str
    is_on: bool
    boots: int
    """How often the firmware started so far: settings that wait for a start know by it that one came."""
    override: BootOverride | None = None
    uefi: bool = True
    cpus: int = 2
    memory_mib: int = 2048
    macs: tuple[str, ...] = ()
    drives: tuple[Drive, ...] = ()
    secure_boot: SecureBoot = SecureBoot()
    vnc_port: int | None = None
    """Where its screen is shown, at the BMC's address; ``None`` = it has none."""


def to_json(facts: Facts) -> dict[str, Any]:
    """Return what ``from_json`` reads."""
    return asdict(facts)


def from_json(document: Mapping[str, Any]) -> Facts:
    """Return the facts that ``to_json`` wrote."""
    override = document["override"]
    changes: dict[str, Any] = {
        "override": override
        and BootOverride(**{**override, "device": BootDevice(override["device"])}),
        "macs": tuple(document["macs"]),
        "drives": tuple(Drive(**drive) for drive in document["drives"]),
        "secure_boot": SecureBoot(**document["secure_boot"]),
    }
    return Facts(**{**document, **changes})


class RedfishChassis(Chassis, Protocol):
    """The part of a machine that a Redfish BMC works on."""

    def facts(self) -> Facts: ...
    def set_override(self, override: BootOverride | None) -> None: ...
    def insert_medium(self, slot: str, image: Path) -> None: ...
    def eject_medium(self, slot: str) -> None: ...
    def set_secure_boot(self, *, enabled: bool, keys: bool) -> None: ...
