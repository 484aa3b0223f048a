"""Virtual media of a Redfish system: the drives that its BMC shows it, and what is in them."""

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import sushy
from sushy import exceptions
from sushy.resources.manager.virtual_media import VirtualMedia
from sushy.resources.system.system import System

from controller.hardware.abilities import MediaDevice

_LOOKS = 6
_LOOK_AGAIN_S = 0.5
"""Some BMCs answer before they have ejected."""
_KINDS: Mapping[MediaDevice, frozenset[sushy.VirtualMediaType]] = MappingProxyType(
    {
        MediaDevice.CDROM: frozenset({sushy.VirtualMediaType.CD, sushy.VirtualMediaType.DVD}),
        MediaDevice.DISK: frozenset({sushy.VirtualMediaType.USB_STICK}),
        MediaDevice.FLOPPY: frozenset({sushy.VirtualMediaType.FLOPPY}),
    }
)


class MediumStaysError(exceptions.SushyError):  # type: ignore[misc]  # sushy has no types
    """A BMC that was told to eject has not."""

    message = "the medium is still in the drive %(name)s; eject it at the BMC's own page, or restart the BMC"


def media(system: System) -> dict[MediaDevice, str | None]:
    """Return the address of what is in each kind of drive; ``None`` = all drives of the kind are empty."""
    found: dict[MediaDevice, str | None] = {}
    for slot in _slots(system):
        for device in _devices(slot):
            found[device] = found.get(device) or (slot.image or None if slot.inserted else None)
    return found


def attach(system: System, device: MediaDevice, url: str) -> None:
    """Put an image into the first drive of the kind, in place of what is in it.

    Raises:
        MissingAttributeError: There is no such drive.
    """
    slot = next((slot for slot in _slots(system) if device in _devices(slot)), None)
    if slot is None:
        has = ", ".join(sorted(media(system))) or "none"
        raise exceptions.MissingAttributeError(
            attribute=f"drive of the kind {device} , it has: {has}", resource=system.path
        )
    if slot.inserted:
        _eject(slot)
    slot.insert_media(url)


def detach(system: System, device: MediaDevice) -> None:
    """Empty every drive of the kind."""
    for slot in _slots(system):
        if device in _devices(slot) and slot.inserted:
            _eject(slot)


def _eject(slot: VirtualMedia) -> None:
    """Empty a drive and see it empty: sushy is silent about a BMC that answers 500, and some say yes and do nothing."""
    slot.eject_media()
    for _ in range(_LOOKS):
        slot.refresh(force=True)
        if not slot.inserted:
            return
        time.sleep(_LOOK_AGAIN_S)
    raise MediumStaysError(name=slot.identity)


def _slots(system: System) -> Iterator[VirtualMedia]:
    """Return the drives: of the system where it names them, else of its managers, as older services have them."""
    try:
        yield from system.virtual_media.get_members()
    except exceptions.MissingAttributeError:
        pass
    else:
        return
    for manager in system.managers:
        try:
            yield from manager.virtual_media.get_members()
        except exceptions.MissingAttributeError:  # a manager of the rack, for instance
            continue


def _devices(slot: VirtualMedia) -> list[MediaDevice]:
    kinds = set(slot.media_types or ())
    return [device for device, wanted in _KINDS.items() if wanted & kinds]
