"""Capabilities that look at the machine and change nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.hardware.devices import (
    BlockDevice,
    BmcAddresses,
    BootEnvironment,
    MainMemory,
    NetworkInterface,
    Processor,
    SystemIdentity,
)
from agent.hardware.wishes import Wishes


class DiskLister(Protocol):
    """Lists whole disks."""

    def list_disks(self) -> tuple[BlockDevice, ...]:
        """Return every disk that could hold data, in the order of the kernel's list; no partitions, no RAM disks."""


class DiskFilter(Protocol):
    """Hides disks, whoever lists them: what is hidden is neither written nor erased."""

    def keeps(self, disk: BlockDevice) -> bool:
        """Say whether ``disk`` is shown."""


class NicLister(Protocol):
    """Lists network interfaces."""

    def list_nics(self) -> tuple[NetworkInterface, ...]:
        """Return the physical interfaces in the order of their names."""


class MachineReader(Protocol):
    """Reads what the machine is made of."""

    def processor(self) -> Processor:
        """Return the processors."""

    def memory(self) -> MainMemory:
        """Return the main memory."""

    def identity(self) -> SystemIdentity:
        """Return vendor, product and firmware."""

    def boot_environment(self) -> BootEnvironment:
        """Return how this ramdisk was booted."""


class BmcLocator(Protocol):
    """Finds the machine's own BMC."""

    def bmc_addresses(self) -> BmcAddresses:
        """Return the addresses at which the BMC answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootDiskChoice:
    """Which disk gets the operating system, and why.

    ``reasons`` has every disk of the machine by its path: why it was taken, or why not. ``kept`` are the disks that must not be touched
    (``properties.skip_block_devices``).
    """

    disk: BlockDevice
    reasons: Mapping[Path, str]
    kept: tuple[BlockDevice, ...] = ()


class RootDiskChooser(Protocol):
    """Chooses the root disk."""

    def choose(self, node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
        """Return the disk that gets the operating system of ``node``.

        Raises:
            NoSuitableDisk: None fits; the message names every disk and why not.
            InvalidRequest: A hint is unknown or malformed.
        """


class MachineView(Protocol):
    """The chain as far as it reads; every method raises ``PluginError`` when no manager offers the capability."""

    @property
    def wishes(self) -> Wishes:
        """What the agent's settings and the controller want."""

    def disks(self) -> tuple[BlockDevice, ...]:
        """List disks."""

    def nics(self) -> tuple[NetworkInterface, ...]:
        """List network interfaces."""

    def machine_reader(self) -> MachineReader:
        """Return the best reader of processors, memory and firmware."""

    def bmc_addresses(self) -> BmcAddresses:
        """Return where the machine's own BMC answers; nothing known if no manager can tell, or if it shall not be asked."""

    def root_disk(self, node: Mapping[str, Any]) -> RootDiskChoice:
        """Choose the disk that gets the operating system of ``node``; see :class:`RootDiskChooser`."""
