"""The steps that any machine offers: erase metadata, write the image."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from agent.disks.guard import is_wiping_shared
from agent.disks.root_device import choose_root_disk, skipped_disks
from agent.errors import AgentError, EraseError, InvalidRequest
from agent.hardware.capabilities import EraseEvidence, Phase, Step, StepContext
from agent.hardware.devices import BlockDevice
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.steps import ArgInfo

_ERASERS = 8


def erase_devices_metadata(context: StepContext) -> dict[str, str]:
    """Erase partition tables and signatures of every disk, several disks at a time.

    Returns:
        What was done, by disk path. Disks of ``properties.skip_block_devices`` and read-only ones are named and left alone.

    Raises:
        InvalidRequest: ``driver_info.wipe_special_filesystems`` is neither true nor false.
        EraseError: At least one disk still has metadata; every failure is named, the other disks are erased.
    """
    disks = context.hardware.disks()
    skipped = {
        disk.path: "left alone: named in skip_block_devices"
        for disk in skipped_disks(context.node, disks)
    }
    skipped |= {disk.path: "left alone: read-only" for disk in disks if disk.is_read_only}
    wanted = [disk for disk in disks if disk.path not in skipped]
    context.progress(Progress(phase="erase metadata", message=f"{len(wanted)} disks"))
    eraser = context.hardware.metadata_eraser()
    wipe_shared = is_wiping_shared(context.node)

    def erase(disk: BlockDevice) -> EraseEvidence | AgentError:
        try:
            return eraser.erase_metadata(disk, context.progress, wipe_shared=wipe_shared)
        except AgentError as error:
            return error

    with ThreadPoolExecutor(max_workers=_ERASERS) as pool:
        outcomes = dict(zip(wanted, pool.map(erase, wanted), strict=True))
    failures = [str(outcome) for outcome in outcomes.values() if isinstance(outcome, AgentError)]
    if failures:
        raise EraseError(
            f"metadata of {len(failures)} of {len(wanted)} disks not erased: {'; '.join(failures)}"
        )
    done = {
        d.path: f"{e.method}: {e.detail}"
        for d, e in outcomes.items()
        if isinstance(e, EraseEvidence)
    }
    return {str(path): text for path, text in (skipped | done).items()}


def write_image(context: StepContext) -> dict[str, Any]:
    """Write ``args.image_info`` (and ``args.configdrive``) to the root disk.

    Returns:
        The sentence of Ironic's agent, below ``result`` as there, and beside it the ``receipt``, which is ours.

    Raises:
        InvalidRequest: ``image_info`` is missing or malformed; the message names the field.
    """
    image = parse_image_info(context.args)
    disk = choose_root_disk(context.node, context.hardware.disks())
    configdrive = context.args.get("configdrive") or image.configdrive
    if configdrive is not None and not isinstance(configdrive, str):
        raise InvalidRequest(
            "configdrive: expected text (base64 or URL); the controller turns dictionaries into text"
        )
    written = context.hardware.image_writer().write_image(
        image, configdrive, disk, context.progress
    )
    context.remember(written)
    return written.command_result(image.id)


def parse_image_info(args: Mapping[str, Any]) -> ImageInfo:
    """Return ``args["image_info"]`` as a value.

    Raises:
        InvalidRequest: It is missing or malformed.
    """
    try:
        return msgspec.convert(args["image_info"], ImageInfo)
    except KeyError as error:
        raise InvalidRequest("write_image: the argument image_info is missing") from error
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"write_image: image_info: {error}") from error


STEPS = (
    Step(
        name="erase_devices_metadata",
        interface="deploy",
        priorities={Phase.CLEAN: 99, Phase.DEPLOY: 0},
        run=erase_devices_metadata,
    ),
    Step(
        name="write_image",
        interface="deploy",
        priorities={Phase.DEPLOY: 0, Phase.SERVICE: 0},
        run=write_image,
        abortable=False,
        args={
            "image_info": ArgInfo(
                description="Image to write: urls, checksum, disk_format ...", required=True
            ),
            "configdrive": ArgInfo(
                description="Config drive: base64 of a gzip-compressed image, or its URL"
            ),
        },
    ),
)
