"""The steps that any machine offers: erase metadata, write the image."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from agent.disks.root_device import skipped_disks
from agent.disks.virtual_media import REASON, is_virtual_medium
from agent.errors import AgentError, EraseError, InvalidRequest, Stopped
from agent.hardware.bootc import deploy_container, parse_order
from agent.hardware.capabilities import HardwareView, Phase, Step, StepContext
from agent.hardware.devices import BlockDevice
from agent.hardware.root_disk import take_root_disk, told_in_errors
from agent.protocol.bootc import STEP as BOOTC_STEP
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.steps import ArgInfo
from hardware_managers.generic.erase_plan import kept_nodes, member_reasons
from hardware_managers.generic.guard import is_wiping_shared

_ERASERS = 8


def erase_devices_metadata(context: StepContext) -> dict[str, str]:
    """Erase partition tables and signatures of every disk, several disks at a time, after what stands on them was ended.

    Arrays of ``raid_config`` stay: they are started, and their content is erased in the place of their members'.

    Returns:
        What was done, by disk path. Disks of ``properties.skip_block_devices``, read-only ones and virtual media are named and left
        alone.

    Raises:
        InvalidRequest: ``driver_info.wipe_special_filesystems`` is neither true nor false.
        EraseError: At least one disk still has metadata; every failure is named, the other disks are erased.
        Stopped: It was asked to stop between two disks; the message says which are erased.
    """
    wipe_shared = is_wiping_shared(context.node)
    arrays = [a for one in context.hardware.raid_configurators() for a in one.attach(context.node)]
    disks = context.hardware.disks()
    left_alone = _left_alone(context.node, disks, arrays)
    kept = kept_nodes(disks, left_alone.keys(), arrays)
    wanted = [disk for disk in disks if disk.path not in left_alone]
    bases = {node for disk in wanted for node in disk.nodes}
    stacked = {
        disk.path: f"ended: it stood on {' and '.join(map(str, disk.below))}"
        for disk in wanted
        if not bases.isdisjoint(disk.below)
    }
    wanted = [disk for disk in wanted if disk.path not in stacked]
    context.progress(Progress(phase="erase metadata", message=f"{len(wanted)} disks"))
    eraser = context.hardware.metadata_eraser()

    def erase(disk: BlockDevice) -> str | AgentError:
        try:
            context.tools.stop.check(f"{disk.path}: erasing its metadata")
            done = [
                eraser.erase_metadata(one, context.progress, wipe_shared=wipe_shared)
                for one in _each_path(disk)
            ]
        except AgentError as error:
            return error
        return "; ".join(f"{evidence.method}: {evidence.detail}" for evidence in done)

    outcomes = _release_all(wanted, kept, context.hardware)
    free = [disk for disk in wanted if disk.path not in outcomes]
    with ThreadPoolExecutor(max_workers=_ERASERS) as pool:
        outcomes |= dict(zip((d.path for d in free), pool.map(erase, free), strict=True))
    return _told(left_alone | stacked, outcomes)


def _told(
    passed_over: Mapping[Path, str], outcomes: Mapping[Path, str | AgentError]
) -> dict[str, str]:
    """Return what became of every disk.

    Raises:
        Stopped: Some were not begun, as ordered.
        EraseError: Some failed.
    """
    told = {str(path): str(text) for path, text in {**passed_over, **outcomes}.items()}
    stopped = [str(path) for path, end in outcomes.items() if isinstance(end, Stopped)]
    erased = [str(path) for path, end in outcomes.items() if isinstance(end, str)]
    failures = [
        str(end)
        for end in outcomes.values()
        if isinstance(end, AgentError) and not isinstance(end, Stopped)
    ]
    if stopped:
        raise Stopped(
            f"erasing metadata was stopped, as ordered: {', '.join(stopped)} not touched;"
            f" erased: {', '.join(erased) or 'none'}; failed: {'; '.join(failures) or 'none'}",
            result=told,
        )
    if failures:
        raise EraseError(
            f"metadata of {len(failures)} of {len(outcomes)} disks not erased: {'; '.join(failures)}"
        )
    return told


def _left_alone(
    node: Mapping[str, Any], disks: Sequence[BlockDevice], arrays: Sequence[BlockDevice]
) -> dict[Path, str]:
    """Return why a disk is not erased, for those that are not; ``arrays`` are those of ``raid_config``."""
    members = member_reasons(arrays, disks)
    reasons = {path: f"left alone: {why}" for path, why in members.items()}
    reasons |= {
        disk.path: "left alone: named in skip_block_devices" for disk in skipped_disks(node, disks)
    }
    reasons |= {disk.path: f"left alone: {REASON}" for disk in disks if is_virtual_medium(disk)}
    return reasons | {disk.path: "left alone: read-only" for disk in disks if disk.is_read_only}


def _release_all(
    disks: Sequence[BlockDevice], kept: Sequence[Path], hardware: HardwareView
) -> dict[Path, str | AgentError]:
    """End what stands on each disk; return why not for those where it failed."""
    failed: dict[Path, str | AgentError] = {}
    for disk in disks:
        try:
            hardware.release(disk.nodes, kept)
        except AgentError as error:
            failed[disk.path] = error
    return failed


def _each_path(disk: BlockDevice) -> tuple[BlockDevice, ...]:
    """Return the disk once for each of its paths, to be erased one after the other.

    Should two disks only look like paths of one, both are erased; a path that is erased already costs a second.
    """
    return tuple(replace(disk, path=node, paths=()) for node in disk.nodes)


def write_image(context: StepContext) -> dict[str, Any]:
    """Write ``args.image_info`` (and ``args.configdrive``) to the root disk.

    Returns:
        The sentence of Ironic's agent, below ``result`` as there, and beside it the ``receipt``, which is ours.

    Raises:
        InvalidRequest: ``image_info`` is missing or malformed; the message names the field.
    """
    image = parse_image_info(context.args)
    choice = take_root_disk(context.node, context.hardware)
    configdrive = context.args.get("configdrive") or image.configdrive
    if configdrive is not None and not isinstance(configdrive, str):
        raise InvalidRequest(
            "configdrive: expected text (base64 or URL); the controller turns dictionaries into text"
        )
    with told_in_errors(choice):
        written = context.hardware.image_writer().write_image(
            image, configdrive, choice.disk, context.progress, stop=context.tools.stop
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


def execute_bootc_install(context: StepContext) -> dict[str, Any]:
    """Install the bootable container ``args.image_source`` on the root disk; see :func:`agent.hardware.bootc.deploy_container`.

    Raises:
        InvalidRequest: An argument, or one of the node's ``instance_info``, cannot be used.
    """
    args = context.args
    order = parse_order(
        args.get("image_source"),
        context.node.get("instance_info"),
        args.get("oci_pull_secret"),
        args.get("configdrive"),
    )
    return deploy_container(
        order, context.node, context.hardware, context.progress, context.tools.stop
    )


STEPS = (
    Step(
        name="erase_devices_metadata",
        interface="deploy",
        priorities={Phase.CLEAN: 99, Phase.DEPLOY: 0},
        run=erase_devices_metadata,
        stoppable=True,
    ),
    Step(
        name="write_image",
        interface="deploy",
        priorities={Phase.DEPLOY: 0, Phase.SERVICE: 0},
        run=write_image,
        abortable=False,
        stoppable=True,
        args={
            "image_info": ArgInfo(
                description="Image to write: urls, checksum, disk_format ...", required=True
            ),
            "configdrive": ArgInfo(
                description="Config drive: base64 of a gzip-compressed image, or its URL"
            ),
        },
    ),
    Step(
        name=BOOTC_STEP,
        interface="deploy",
        priorities={Phase.DEPLOY: 0, Phase.SERVICE: 0},
        run=execute_bootc_install,
        abortable=False,
        stoppable=True,
        args={
            "image_source": ArgInfo(
                description="The image: oci://registry/name:tag or oci://registry/name@sha256:<hex>",
                required=True,
            ),
            "configdrive": ArgInfo(
                description="Config drive: base64 of a gzip-compressed image, or its URL"
            ),
            "oci_pull_secret": ArgInfo(
                description="Base64 of the registry's login, which is user:password or base64 of it"
            ),
        },
    ),
)
