"""The image that a machine boots instead of its network: put where the machine finds it, and taken away again.

An image that the controller made has the agent's token inside. It leaves the drive as soon as the agent has called back, for the ramdisk
runs in memory by then, and at the latest wherever a machine goes from the ramdisk to something else. A ready image (``deploy_iso``)
stays until then: its system may run from it.
"""

import logging
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from controller.boot.node_media import (
    BOOT_ISO,
    HAS_TOKEN,
    MEDIUM,
    SETTINGS_ISO,
    boots_live_image,
    media_url,
    own_iso,
)
from controller.boot.urls import MEDIA_PATH, shown_path
from controller.errors import BmcError, BmcUnreachable, Invalid, NoDriveLeft
from controller.hardware.abilities import BootsAddresses, HasVirtualMedia, MediaDevice
from controller.hardware.bmc import BootDevice
from controller.hardware.interface import BootsMedium, MediumWay
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import connection_of, interfaces_of
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage, To, leaves_by
from controller.workflow.stages.boot_device import boot_next_from
from controller.workflow.timed_bmc import timed

log = logging.getLogger(__name__)

_KEY_BYTES = 16
_FOR_SETTINGS = (MediaDevice.DISK, MediaDevice.FLOPPY)
"""The drives that settings beside a ready image may be in, the best first."""
FILLED = "boot_medium_drives"
"""Key of ``driver_internal_info``: the names of the drives that images of the node were put into, by kind; ``None`` = the only one."""
_REDFISH = "redfish"
"""The management interface whose driver serves media where nothing else says so."""


def insert_stage(prefix: str, then: To, *, name: str | None = None) -> Mapping[str, Stage]:
    """Return the stage ``<prefix>.insert_medium`` that puts the image of a node's machine where it boots it; others pass it over."""
    name = name or f"{prefix}.insert_medium"
    return {
        name: Stage(run=insert, ways={"done": then, "again": To(stage=name)}, is_needed=has_medium)
    }


def eject_stage(
    name: str,
    then: To,
    *,
    with_token: bool = False,
    keeps_instance: bool = False,
    after_failure: bool = False,
) -> Mapping[str, Stage]:
    """Return the stage that takes the image away.

    Args:
        name: Of the stage.
        then: Where it leads.
        with_token: Only what has the agent's token inside.
        keeps_instance: Not the live image of the instance.
        after_failure: A BMC that does not answer does not keep what follows from being done.
    """
    needed = has_foreign_medium if keeps_instance else has_medium
    needed = has_token_inside if with_token else needed
    run = partial(eject, with_token=with_token, after_failure=after_failure)
    return {name: Stage(run=run, ways={"done": then}, is_needed=needed)}


def has_medium(_services: Services, node: Node) -> bool:
    """Say whether the node boots an image, or one may still be in a drive of it."""
    return bool(node.driver_internal_info.get(MEDIUM))


def has_foreign_medium(services: Services, node: Node) -> bool:
    """Say whether an image may be in a drive that the instance does not boot."""
    return has_medium(services, node) and not boots_live_image(node)


def has_token_inside(_services: Services, node: Node) -> bool:
    """Say whether the agent's token may be in a drive of the node."""
    internal = node.driver_internal_info
    return internal.get(MEDIUM) == MediumWay.DRIVE and bool(internal.get(HAS_TOKEN))


@leaves_by("done", "again")
def insert(context: Context) -> Outcome:
    """Put the image where the machine boots it; leaves by ``again`` if something of the node had to be stored first.

    Raises:
        Invalid: ``driver_info`` lacks something.
        BmcError: The BMC does not answer or refuses.
    """
    try:
        return _insert(context)
    except BmcUnreachable as error:
        raise BmcUnreachable(shown_path(str(error))) from error
    except BmcError as error:
        raise BmcError(shown_path(str(error))) from error


def _insert(context: Context) -> Outcome:
    node, settings = context.node, context.settings
    limit_s = settings.bmc_timeout_s
    if boots_live_image(node) and not node.boot_key:
        return leave("again", columns={"boot_key": secrets.token_urlsafe(_KEY_BYTES)})
    if node.driver_internal_info[MEDIUM] == MediumWay.UEFI_HTTP:
        firmware = _connection(context.services, node)
        if not isinstance(firmware, BootsAddresses):
            raise _cannot(context, "have the firmware boot from an address")
        firmware.boot_next_address(_boot_url(node, settings), timeout_s=limit_s)
        return leave()
    has_settings = own_iso(node, settings) is not None and bool(
        node.driver_internal_info.get(HAS_TOKEN)
    )
    try:
        filled = _fill(context, has_settings=has_settings)
    except NoDriveLeft:
        return _without_settings(context)
    if _drives(context).media(timeout_s=limit_s).get(MediaDevice.CDROM) is None:
        raise BmcError(
            f"{context.label}: the BMC took the image, and its virtual CD drive is still empty; look at its own page or log, and"
            " whether it reaches the controller (public_url, driver_info/external_http_url)"
        )
    boot_next_from(context, BootDevice.CDROM, is_instance=boots_live_image(node))
    note = Note(kind="power", message="the image to boot is in the virtual CD drive")
    return leave(internal={FILLED: filled}, notes=(note,))


def _fill(context: Context, *, has_settings: bool) -> dict[str, str | None]:
    """Put the image, and maybe its settings, into drives that are empty then; returns their names by kind.

    Raises:
        NoDriveLeft: There is none for the settings.
    """
    node, settings, drives = context.node, context.settings, _drives(context)
    limit_s = settings.bmc_timeout_s
    found = drives.media(timeout_s=limit_s)
    second = next((one for one in _FOR_SETTINGS if one in found), None)
    if has_settings and second is None:
        raise NoDriveLeft(f"{context.label}: the BMC has no second drive")
    used = (MediaDevice.CDROM, *((second,) if has_settings and second else ()))
    for device in used:
        if found.get(device):
            _empty(context, drives, device)
    url = _boot_url(node, settings)
    filled = {str(used[0]): drives.attach_media(used[0], url, timeout_s=limit_s)}
    for device in used[1:]:
        url = media_url(node, settings, SETTINGS_ISO)
        drive = drives.attach_media(device, url, beside=True, timeout_s=limit_s)
        filled[str(device)] = drive
    return filled


def _empty(context: Context, drives: HasVirtualMedia, device: MediaDevice) -> None:
    """Empty the drives of a kind as far as they let go of what is in them: whether one is left is seen when it is filled."""
    try:
        drives.detach_media(device, timeout_s=context.settings.bmc_timeout_s)
    except BmcUnreachable:
        raise
    except BmcError as error:
        log.info("%s: %s", context.label, shown_path(str(error)))


def eject(context: Context, *, with_token: bool = False, after_failure: bool = False) -> Outcome:
    """Take the image away; a BMC that will not let go of it is told of in the history, and told again later.

    Raises:
        BmcUnreachable: The BMC does not answer, and nothing has failed before.
    """
    node, limit_s = context.node, context.settings.bmc_timeout_s
    stays = with_token and _is_ready(context)
    if node.driver_internal_info.get(MEDIUM) == MediumWay.DRIVE:
        try:
            drives = _drives(context)
            found = drives.media(timeout_s=limit_s)
            for device, drive in _ours(found, node, is_cd=not stays):
                named = {"drive": drive} if drive else {}
                drives.detach_media(device, **named, timeout_s=limit_s)
        except (BmcError, Invalid) as error:
            if isinstance(error, BmcUnreachable) and not after_failure:
                raise
            text = f"{context.label}: an image may still be in a virtual drive: {shown_path(str(error))}"
            return leave(notes=(Note(kind="power", message=text, severity="WARNING"),))
    filled = node.driver_internal_info.get(FILLED) or {}
    cd = {name: drive for name, drive in filled.items() if name == MediaDevice.CDROM}
    return leave(internal={FILLED: cd} if stays else {MEDIUM: None, FILLED: None})


def _boot_url(node: Node, settings: Settings) -> str:
    """Return where the image is; a ready one on a web server is fetched from there."""
    ready = own_iso(node, settings)
    return ready if isinstance(ready, str) else media_url(node, settings, BOOT_ISO)


def _ours(
    found: Mapping[MediaDevice, str | None], node: Node, *, is_cd: bool
) -> tuple[tuple[MediaDevice, str | None], ...]:
    """Return the drives with an image of the node, by kind and maybe name; some BMCs show another address than they were told, or none."""
    mark = f"{MEDIA_PATH}/{node.uuid}/"
    filled: Mapping[str, str | None] = node.driver_internal_info.get(FILLED) or {}
    others = tuple(
        (one, filled.get(one))
        for one in _FOR_SETTINGS
        if found.get(one)
        and (one in filled or _is_of(str(found[one]), mark, "" if is_cd else SETTINGS_ISO))
    )
    all_cds = ((MediaDevice.CDROM, None),) if is_cd and found.get(MediaDevice.CDROM) else ()
    return (*others, *all_cds)


def _is_of(url: str, mark: str, end: str) -> bool:
    return mark in url and url.endswith(end)


def _without_settings(context: Context) -> Outcome:
    """Go on with a ready image alone: its agent must have been told the controller's address when it was built."""
    text = f"{context.label}: the BMC has no second drive for the agent's settings: what it needs to know must be in the ready image"
    note = Note(kind="power", message=text, severity="WARNING")
    return leave("again", columns={"agent_secret": None}, internal={HAS_TOKEN: None}, notes=(note,))


def _is_ready(context: Context) -> bool:
    try:
        return own_iso(context.node, context.settings) is not None
    except Invalid:  # it is gone by now
        return True


def _drives(context: Context) -> HasVirtualMedia:
    drives = _connection(context.services, context.node)
    if not isinstance(drives, HasVirtualMedia):
        raise _cannot(context, "show virtual media")
    return drives


def _connection(services: Services, node: Node) -> object:
    """Return the connection that shows media: of the node's management, or of the driver that its boot interface names.

    Raises:
        Invalid: ``driver_info`` lacks something.
    """
    interfaces = interfaces_of(services, node)
    own = connection_of(services, interfaces, "management", node)
    if isinstance(own, HasVirtualMedia):
        return own
    boot = interfaces.boot
    name = boot.media_interface if isinstance(boot, BootsMedium) else _REDFISH
    part: Any = services.catalog.parts["management"].get(name)
    if part is None:
        return own
    return timed(part.connect(dict(node.driver_info)), name, services.measures)


def _cannot(context: Context, what: str) -> Invalid:
    name = interfaces_of(context.services, context.node).names["management"]
    return Invalid(
        f"{context.label}: the management_interface {name} cannot {what}; choose another boot_interface, for example ipxe"
    )
