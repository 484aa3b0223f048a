"""A capability that several managers offer, as one: asked is the first in rank, and the next one when it declines.

A manager declines by raising ``Declined``, with the reason, before it has changed anything.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from agent.errors import Declined, PluginError
from agent.hardware.devices import (
    BlockDevice,
    BootEnvironment,
    MainMemory,
    Processor,
    SystemIdentity,
)
from agent.hardware.erasing import MetadataEraser, MetadataEvidence
from agent.hardware.exporting import DiskExporter, ExportWish
from agent.hardware.reading import MachineReader, RootDiskChoice, RootDiskChooser
from agent.hardware.tools import ProgressSink
from agent.hardware.writing import (
    BootloaderInstaller,
    ContainerInstaller,
    ImageWriter,
    InstalledContainer,
    WrittenImage,
)
from agent.protocol.bootc import BootcOrder
from agent.protocol.image import ImageInfo
from agent.system.stop_signal import StopSignal

log = logging.getLogger(__name__)
_Capability = TypeVar("_Capability")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Offers(Generic[_Capability]):
    """Those who offer one capability, best first, each with the name of its manager; ``does`` says what in messages."""

    does: str
    offers: tuple[tuple[str, _Capability], ...]

    def ask(self, call: Callable[[_Capability], _Answer]) -> _Answer:
        """Return the answer of the first that does not decline.

        Raises:
            PluginError: All have declined; the message has the reason of each.
        """
        reasons = []
        for name, capability in self.offers:
            try:
                return call(capability)
            except Declined as error:
                log.info("hardware manager declined", extra={"manager": name, "why": str(error)})
                reasons.append(f"{name}: {error}")
        raise PluginError(
            f"no hardware manager {self.does} here: {'; '.join(reasons)}; put one that does into the ramdisk"
        )


class WillingReader:
    """A :class:`MachineReader` of several."""

    def __init__(self, offers: Offers[MachineReader]) -> None:
        self._offers = offers

    def processor(self) -> Processor:
        """See :class:`MachineReader`."""
        return self._offers.ask(lambda one: one.processor())

    def memory(self) -> MainMemory:
        """See :class:`MachineReader`."""
        return self._offers.ask(lambda one: one.memory())

    def identity(self) -> SystemIdentity:
        """See :class:`MachineReader`."""
        return self._offers.ask(lambda one: one.identity())

    def boot_environment(self) -> BootEnvironment:
        """See :class:`MachineReader`."""
        return self._offers.ask(lambda one: one.boot_environment())


class WillingChooser:
    """A :class:`RootDiskChooser` of several."""

    def __init__(self, offers: Offers[RootDiskChooser]) -> None:
        self._offers = offers

    def choose(self, node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
        """See :class:`RootDiskChooser`."""
        return self._offers.ask(lambda one: one.choose(node, disks))


class WillingWriter:
    """An :class:`ImageWriter` of several."""

    def __init__(self, offers: Offers[ImageWriter]) -> None:
        self._offers = offers

    def write_image(
        self,
        image: ImageInfo,
        configdrive: str | None,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
        before_writing: Callable[[], None] | None = None,
    ) -> WrittenImage:
        """See :class:`ImageWriter`."""
        return self._offers.ask(
            lambda one: one.write_image(
                image, configdrive, disk, progress, stop=stop, before_writing=before_writing
            )
        )


class WillingContainerInstaller:
    """A :class:`ContainerInstaller` of several."""

    def __init__(self, offers: Offers[ContainerInstaller]) -> None:
        self._offers = offers

    def install_container(
        self,
        order: BootcOrder,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
    ) -> InstalledContainer:
        """See :class:`ContainerInstaller`."""
        return self._offers.ask(lambda one: one.install_container(order, disk, progress, stop=stop))


class WillingExporter:
    """A :class:`DiskExporter` of several."""

    def __init__(self, offers: Offers[DiskExporter]) -> None:
        self._offers = offers

    def export(self, wish: ExportWish) -> None:
        """See :class:`DiskExporter`."""
        self._offers.ask(lambda one: one.export(wish))

    def end(self) -> Sequence[Path]:
        """See :class:`DiskExporter`."""
        return self._offers.ask(lambda one: one.end())


class WillingMetadataEraser:
    """A :class:`MetadataEraser` of several."""

    def __init__(self, offers: Offers[MetadataEraser]) -> None:
        self._offers = offers

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        """See :class:`MetadataEraser`."""
        return self._offers.ask(
            lambda one: one.erase_metadata(disk, progress, wipe_shared=wipe_shared)
        )


class WillingBootloader:
    """A :class:`BootloaderInstaller` of several."""

    def __init__(self, offers: Offers[BootloaderInstaller]) -> None:
        self._offers = offers

    def install_bootloader(
        self, disk: BlockDevice, *, boot_mode: str, written: WrittenImage | None = None
    ) -> tuple[str, ...]:
        """See :class:`BootloaderInstaller`."""
        return self._offers.ask(
            lambda one: one.install_bootloader(disk, boot_mode=boot_mode, written=written)
        )
