"""Takes the root disk for a writing command: chosen by the chain, then freed of what stands on it."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.errors import AgentError
from agent.hardware.capabilities import HardwareView
from agent.hardware.reading import RootDiskChoice

log = logging.getLogger(__name__)
_MOST_TOLD = 8


def take_root_disk(node: Mapping[str, Any], hardware: HardwareView) -> RootDiskChoice:
    """Choose the root disk and end what stands on it, but nothing that stands on a disk that is kept.

    Raises:
        NoSuitableDisk: No disk fits; the message names every disk and why not.
        InvalidRequest: A hint is unknown or malformed.
        DiskInUse: It is mounted or swapped to, or what stands on it cannot be ended.
    """
    choice = hardware.root_disk(node)
    log.info("root disk chosen", extra={"disk": str(choice.disk.path), "why": why(choice)})
    with told_in_errors(choice):
        hardware.release(choice.disk.nodes, [path for kept in choice.kept for path in kept.nodes])
    return choice


def why(choice: RootDiskChoice) -> str:
    """Return why this disk was taken and why not the others, of which the first eight are told."""
    others = [
        f"{path} {reason}" for path, reason in choice.reasons.items() if path != choice.disk.path
    ]
    told = [choice.reasons.get(choice.disk.path, "taken"), *others[:_MOST_TOLD]]
    more = [f"{len(others) - _MOST_TOLD} more disks"] if len(others) > _MOST_TOLD else []
    return "; ".join([*told, *more])


@contextmanager
def told_in_errors(choice: RootDiskChoice) -> Iterator[None]:
    """Have errors of what is done with the disk say why it was this one: it may be the wrong one that cannot be written."""
    try:
        yield
    except AgentError as error:
        told = f"{error} ({choice.disk.path} was {why(choice)})"
        error.args = (told, *error.args[1:])
        raise
