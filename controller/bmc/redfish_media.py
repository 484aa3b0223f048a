"""Virtual media of a Redfish system: the drives that its BMC shows it, and what is in them."""

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import sushy
from sushy import exceptions
from sushy.resources.manager.virtual_media import VirtualMedia
from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_document import Document
from controller.bmc.redfish_errors import lacking
from controller.bmc.redfish_siblings import serves_others
from controller.hardware.abilities import MediaDevice

_MOST_LETTERS = 1024
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


class DrivesOfOthersError(exceptions.SushyError):  # type: ignore[misc]  # see above
    """Which machine a drive of a manager is for cannot be known."""

    message = "the system has no drives, and those of its manager %(name)s are those of several machines; boot it from the network"


def media(system: System) -> dict[MediaDevice, str | None]:
    """Return the address of what is in each kind of drive; ``None`` = all drives that can be of the kind are empty."""
    found: dict[MediaDevice, str | None] = {}
    for slot in _slots(system):
        for device in _devices(slot):
            found[device] = found.get(device) or _inside(slot)
    return found


def attach(system: System, device: MediaDevice, url: str, *, beside: bool = False) -> str | None:
    """Put an image into a drive and return its name: the first of this kind alone, in place of what is in it, else one that is free.

    A drive that refuses is no reason not to try the next one that is free.

    Args:
        system: Whose drives.
        device: The kind.
        url: Of the image.
        beside: Not in place of what is in a drive that can be of several kinds; ``None`` is returned then.

    Raises:
        NotDoneError: There is no such drive.
        SushyError: What the first drive's refusal was.
    """
    fit = [slot for slot in _slots(system) if device in _devices(slot)]
    if not fit:
        wanted = f"a virtual drive of the kind {device}"
        raise lacking(wanted, media(system), "choose another kind, or boot from the network")
    own = [slot for slot in fit if _devices(slot) == [device]][:1]
    free = [slot for slot in fit if not slot.inserted and slot not in own]
    refusal: exceptions.SushyError | None = None
    for slot in [*own, *free] or ([] if beside else fit[:1]):
        try:
            if slot.inserted:
                _eject(slot)
            slot.insert_media(url)
        except (exceptions.AccessError, exceptions.ConnectionError):
            raise
        except exceptions.SushyError as error:
            refusal = refusal or error
        else:
            return _name(slot)
    if refusal is not None:
        raise refusal
    return None


def detach(system: System, device: MediaDevice, drive: str | None = None) -> None:
    """Empty a drive by its name; ``None``, or a name that there is not (any more) = every one that can be of the kind.

    Raises:
        SushyError: What the first refusal was; the other drives are empty.
    """
    fit = [slot for slot in _slots(system) if device in _devices(slot)]
    refusal: exceptions.SushyError | None = None
    for slot in [one for one in fit if _name(one) == drive] or fit:
        try:
            if slot.inserted:
                _eject(slot)
        except (exceptions.AccessError, exceptions.ConnectionError):
            raise
        except exceptions.SushyError as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal


def _inside(slot: VirtualMedia) -> str | None:
    """Return the address of what is in a drive, its name where the BMC keeps that for itself; ``None`` = it is empty."""
    if not slot.inserted:
        return None
    return clean_line(slot.image or slot.image_name or "unknown", _MOST_LETTERS)


def _name(slot: VirtualMedia) -> str:
    return clean_line(slot.identity, _MOST_LETTERS)


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
            slots = manager.virtual_media.get_members()
        except exceptions.MissingAttributeError:  # a manager of the rack, for instance
            continue
        if slots and serves_others(system, Document(path=manager.path, body=manager.json)):
            raise DrivesOfOthersError(name=manager.path)
        yield from slots


def _devices(slot: VirtualMedia) -> list[MediaDevice]:
    kinds = set(slot.media_types or ())
    return [device for device, wanted in _KINDS.items() if wanted & kinds]
