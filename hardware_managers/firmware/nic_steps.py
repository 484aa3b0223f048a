"""The two steps of Ironic's manager for NVIDIA cards, with its names and arguments."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from agent.errors import FirmwareError, InvalidRequest
from agent.hardware.capabilities import StepContext
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence
from agent.protocol.commands import Progress
from hardware_managers.firmware.nics import Card, NicFirmware

_Entry = TypeVar("_Entry")


class NicImage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One image: for boards of PSID ``component_flavor``, bringing ``version``; checksum as ``md5``, ``sha256`` or ``sha512``."""

    url: str
    checksum: str
    checksum_type: str
    component_flavor: str
    version: str


class NicSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters for all cards of one PCI device id: of the whole card, of its first and of its second port."""

    deviceID: str  # noqa: N815  # Ironic's spelling
    globalConfig: dict[str, str | int | bool] = {}  # noqa: N815
    function0Config: dict[str, str | int | bool] = {}  # noqa: N815
    function1Config: dict[str, str | int | bool] = {}  # noqa: N815


def parse_images(images: Any) -> tuple[NicImage, ...]:
    """Return the argument ``images`` as values.

    Raises:
        InvalidRequest: It has another shape; the message has the path of the bad field.
    """
    return _parse(images, NicImage, "update_nvidia_nic_firmware_image: images")


def parse_nic_settings(settings: Any) -> tuple[NicSettings, ...]:
    """Return the argument ``settings`` as values.

    Raises:
        InvalidRequest: It has another shape; the message has the path of the bad field.
    """
    return _parse(settings, NicSettings, "update_nvidia_nic_firmware_settings: settings")


def plan_images(
    images: Sequence[NicImage], cards: Sequence[FirmwareComponent]
) -> tuple[tuple[NicImage, FirmwareComponent], ...]:
    """Return which image goes to which card: those of its board whose version it does not have.

    Raises:
        InvalidRequest: Two images are for the same board.
    """
    boards = [image.component_flavor for image in images]
    twice = sorted({board for board in boards if boards.count(board) > 1})
    if twice:
        raise InvalidRequest(f"images: two images are for boards {', '.join(twice)}; give one")
    return tuple(
        (image, card)
        for card in cards
        for image in images
        if image.component_flavor == card.model and image.version != card.version
    )


def wanted_parameters(settings: Sequence[NicSettings], card: Card) -> dict[str, str]:
    """Return the parameters of one PCI function; those of the whole card go by its first function."""
    wanted: dict[str, str] = {}
    for entry in settings:
        if entry.deviceID.lower().removeprefix("0x") != card.device_id.lower():
            continue
        per_function = {0: entry.globalConfig | entry.function0Config, 1: entry.function1Config}
        for name, value in per_function.get(card.function, {}).items():
            wanted[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return wanted


def update_images(nics: NicFirmware, context: StepContext) -> dict[str, Any]:
    """Fetch every image that a card here needs, then burn them one after the other."""
    images = parse_images(context.args.get("images"))
    cards = nics.components()
    _require_cards(cards)
    boards = {card.model for card in cards}
    for image in images:
        if image.component_flavor not in boards:
            raise FirmwareError(
                f"{image.url}: no card here is a board {image.component_flavor}; there are: {', '.join(sorted(boards))}"
            )
    plan = plan_images(images, cards)
    files: dict[str, Path] = {}
    for image, _ in plan:
        if image.url not in files:
            into = context.tools.folder / f"nic-{len(files)}"
            checksum = f"{image.checksum_type.lower()}:{image.checksum}"
            files[image.url] = context.tools.fetch(image.url, into, checksum=checksum)
        board = nics.image(files[image.url]).psid
        if board != image.component_flavor:
            raise FirmwareError(
                f"{image.url} is for boards {board}, not {image.component_flavor}; nothing was burnt"
            )
    done: list[FirmwareEvidence] = []
    for image, card in plan:
        try:
            done.append(nics.update(card, files[image.url], context.tools))
        except FirmwareError as error:
            before = ", ".join(evidence.component.id for evidence in done) or "none"
            raise FirmwareError(f"{error} (updated before it: {before})") from error
    meant = {card.id for _, card in plan}
    left = [f"{card.id}: has {card.version}" for card in cards if card.id not in meant]
    return {"updated": [msgspec.to_builtins(evidence) for evidence in done], "left": left}


def update_settings(nics: NicFirmware, context: StepContext) -> dict[str, Any]:
    """Set the parameters of every card; they count after the reboot that follows the step."""
    settings = parse_nic_settings(context.args.get("settings"))
    cards = nics.cards()
    _require_cards(nics.components())
    here = {card.device_id.lower() for card in cards}
    missing = [e.deviceID for e in settings if e.deviceID.lower().removeprefix("0x") not in here]
    if missing:
        raise FirmwareError(
            f"update_nvidia_nic_firmware_settings: no card here has the device id {', '.join(missing)}; there are: "
            f"{', '.join(sorted(here))}"
        )
    changed: dict[str, Mapping[str, str]] = {}
    for card in cards:
        wanted = wanted_parameters(settings, card)
        if wanted:
            context.progress(Progress(phase="settings", message=card.address))
            changed[card.address] = nics.configure(card.address, wanted)
    return {"changed": changed}


def _require_cards(cards: Sequence[FirmwareComponent]) -> None:
    if not cards:
        raise FirmwareError(
            "no NVIDIA card can be asked: mstflint is not in this ramdisk, or no card answers it; add the package mstflint"
        )


def _parse(value: Any, entry: type[_Entry], what: str) -> tuple[_Entry, ...]:
    try:
        return tuple(msgspec.convert(value, list[entry]))  # type: ignore[valid-type]  # a type at run time
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{what}: {error}") from error
