"""Which disks are erased, together with which others, and which are left alone. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.disks.root_device import skipped_disks
from agent.disks.virtual_media import REASON, is_virtual_medium
from agent.errors import EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import EraseOffer, EraseWish, best_first, usable


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Every disk of the machine stands in one of the others; the reasons are for people."""

    every: tuple[BlockDevice, ...]
    wanted: tuple[BlockDevice, ...]
    left_alone: dict[Path, str]
    """On purpose."""
    refused: dict[Path, str]
    """They should be erased and cannot be."""
    ended: dict[Path, str]
    """Arrays: what they stand on is erased."""
    kept_nodes: tuple[Path, ...]
    """Device nodes on which nothing may be ended. Members of arrays that stay are not among them: volumes on such an array are ended."""


def member_reasons(arrays: Sequence[BlockDevice], disks: Sequence[BlockDevice]) -> dict[Path, str]:
    """Return the members of ``arrays`` among ``disks``, each with the array that it is left alone for."""
    return {
        disk.path: f"a member of {array.path}, an array of raid_config"
        for array in arrays
        for disk in disks
        if not set(disk.nodes).isdisjoint(array.below)
    }


def kept_nodes(
    disks: Sequence[BlockDevice], passed_over: Collection[Path], arrays: Sequence[BlockDevice]
) -> tuple[Path, ...]:
    """Return the device nodes on which nothing may be ended; see ``Targets.kept_nodes``."""
    members = {member for array in arrays for member in array.below}
    kept = (d for d in disks if d.path in passed_over and members.isdisjoint(d.nodes))
    return tuple(node for disk in kept for node in disk.nodes)


def sort_out(
    node: Mapping[str, Any],
    disks: Sequence[BlockDevice],
    wish: EraseWish,
    arrays: Sequence[BlockDevice] = (),
) -> Targets:
    """Decide about every disk.

    Args:
        node: The controller's document of the node.
        disks: All disks.
        wish: What the operator wants.
        arrays: The arrays of ``raid_config``: they are erased as if they were disks, and their members left alone.

    Raises:
        InvalidRequest: A hint of ``properties.skip_block_devices`` is unknown or malformed.
    """
    left = member_reasons(arrays, disks)
    left |= {
        disk.path: "named in properties.skip_block_devices" for disk in skipped_disks(node, disks)
    }
    left |= {disk.path: REASON for disk in disks if is_virtual_medium(disk)}
    read_only = [disk for disk in disks if disk.is_read_only and disk.path not in left]
    refused: dict[Path, str] = {}
    for disk in read_only:
        if wish.skip_read_only:
            left[disk.path] = "read-only, and agent_erase_skip_read_only is set"
        else:
            refused[disk.path] = (
                "read-only: take the write protection off, list it in properties.skip_block_devices, or set"
                " agent_erase_skip_read_only"
            )
    wanted = [disk for disk in disks if disk.path not in left and disk.path not in refused]
    bases = {node for disk in wanted for node in disk.nodes}
    ended = {
        disk.path: f"ended: it stood on {' and '.join(map(str, disk.below))}"
        for disk in wanted
        if not bases.isdisjoint(disk.below)
    }
    return Targets(
        every=tuple(disks),
        wanted=tuple(disk for disk in wanted if disk.path not in ended),
        left_alone=left,
        refused=refused,
        ended=ended,
        kept_nodes=kept_nodes(disks, left.keys() | refused.keys(), arrays),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Disks that one command erases; ``disks[0]`` is the one that the plan is for."""

    disks: tuple[BlockDevice, ...]
    offer: EraseOffer
    others: Mapping[Path, tuple[EraseOffer, ...]]
    """What may be tried for each disk by itself if that fails, in order."""


def plan_jobs(
    wanted: Sequence[BlockDevice],
    offers: Mapping[Path, Sequence[EraseOffer]],
    wish: EraseWish,
) -> tuple[tuple[Job, ...], Mapping[Path, str]]:
    """Put the disks together that one command erases; none is ordered to be erased twice.

    Args:
        wanted: The disks that shall be erased.
        offers: All offers for each of them.
        wish: What the operator wants.

    Returns:
        The jobs in the order of their first disks, and why a disk cannot be erased as asked.
    """
    by_path = {disk.path: disk for disk in wanted}
    jobs: list[Job] = []
    impossible: dict[Path, str] = {}
    chosen: dict[Path, tuple[EraseOffer, ...]] = {}
    for disk in wanted:
        fair = best_first((_fair(one, by_path) for one in offers[disk.path]), wish)
        try:
            chosen[disk.path] = usable(fair, wish)
        except EraseError as error:
            impossible[disk.path] = str(error)
    covered: set[Path] = set()
    for path, found in chosen.items():
        if path in covered:
            continue
        together = (path, *(one for one in found[0].plan.also if one not in covered))
        covered |= set(together)
        jobs.append(
            Job(
                disks=tuple(by_path[one] for one in together),
                offer=found[0],
                others={one: _alone(chosen.get(one, ())) for one in together},
            )
        )
    return tuple(jobs), {path: text for path, text in impossible.items() if path not in covered}


def _alone(offers: Sequence[EraseOffer]) -> tuple[EraseOffer, ...]:
    return tuple(offer for offer in offers[1:] if not offer.plan.also)


def _fair(offer: EraseOffer, wanted: Collection[Path]) -> EraseOffer:
    """Return the offer, with an obstacle if it would erase a disk that shall be left alone."""
    beside = [str(path) for path in offer.plan.also if path not in wanted]
    if not beside or offer.plan.obstacle is not None:
        return offer
    text = f"it erases {', '.join(beside)} too, which shall be left alone or is in use"
    return offer._replace(plan=replace(offer.plan, obstacle=text))
