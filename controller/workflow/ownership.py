"""Whose business a node is: one of the living controllers that serve its driver and its conductor group. Pure.

Rendezvous hashing: every controller gets a number for every node, the highest owns it. So all controllers agree without
talking, and when one comes or goes only the nodes move that it takes or leaves.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from controller.store.tables import Conductor

UNSERVED = "no running controller"
"""How the sentence begins that such a node gets in its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A living controller."""

    hostname: str
    hardware_types: frozenset[str]
    conductor_group: str = ""

    @classmethod
    def of(cls, row: Conductor | Row[Any]) -> "Controller":
        """Return what matters of a row."""
        return cls(
            hostname=row.hostname,
            hardware_types=frozenset(row.hardware_types),
            conductor_group=row.conductor_group,
        )


def owner_of(
    uuid: str, driver: str, conductor_group: str, living: Iterable[Controller]
) -> str | None:
    """Return the name of the controller that owns the node; ``None`` = no living one serves it."""
    able = [
        one.hostname
        for one in living
        if driver in one.hardware_types and one.conductor_group == conductor_group.lower()
    ]
    return max(able, key=lambda hostname: _weight(hostname, uuid), default=None)


def why_nobody(driver: str, conductor_group: str, living: Collection[Controller]) -> str:
    """Return the sentence for a node that no living controller serves."""
    group = f"in conductor group {conductor_group!r}" if conductor_group else "without a group"
    serving = sorted(one.hostname for one in living if driver in one.hardware_types)
    others = (
        f"served by {', '.join(serving)}, in another group"
        if serving
        else "served by none of " + ", ".join(sorted(one.hostname for one in living))
    )
    return (
        f"{UNSERVED} {group} serves driver {driver!r} (it is {others}): nothing is done for this node; "
        "start a controller that has the driver, or change the node's driver or conductor_group"
    )


def _weight(hostname: str, uuid: str) -> bytes:
    return hashlib.blake2b(f"{hostname}\0{uuid}".encode(), digest_size=16).digest()
