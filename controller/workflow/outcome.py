"""What a stage function returns: where the node goes, when to look again, and what to store.

A stage function stores nothing itself. Failures are exceptions (``controller/errors.py``); temporary ones
are tried again by the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.hardware.firmware import Firmware
from controller.signed_certificate import Signed
from controller.workflow.findings import Findings

DONE = "done"
"""The usual way out of a stage."""
ORDERED = "ordered"
"""Key of the data of a note of the kind ``power``: what the BMC was told to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An event for the node's history."""

    kind: str
    message: str
    severity: str = "INFO"
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Work for a child node, or for an idle node itself; it begins if that node is idle."""

    uuid: str
    stage: str
    data: Mapping[str, Any]
    internal: Mapping[str, Any]
    """Values to merge into its ``driver_internal_info`` when it has been taken."""
    text: str
    """For its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one run of a stage function."""

    way: str | None
    """The way out of the stage; ``None`` = the stage is not over."""
    due_in_s: float | None = None
    """When to look again at a stage that is not over; ``None`` = when somebody makes the node due."""
    waiting_for: str = ""
    """What has not happened yet, for "<waiting for> (waited 60 s); <advice>"."""
    advice: str = ""
    """What to do if it never happens."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Values for columns of the node."""
    ports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Values for columns of the node's ports, by their UUIDs."""
    internal: Mapping[str, Any] = field(default_factory=dict)
    """Values to merge into ``driver_internal_info``; ``None`` removes the key."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Values to merge into the work's data; ``None`` removes the key."""
    deadline_in_s: float | None = None
    """There was progress: the stage may stay for so long from now; ``None`` = the deadline stays as it is."""
    notes: tuple[Note, ...] = ()
    certificates: tuple[Signed, ...] = ()
    """Sanitization certificates to keep."""
    asked: tuple[Asked, ...] = ()
    firmware: Firmware | None = None
    """What the BMC told of its settings and parts, to keep."""
    findings: Findings | None = None
    """What an inspection by the BMC found, to keep."""
    ends_instance: bool = False
    """What is attached to the node's ports for an instance goes."""


def leave(
    way: str = DONE,
    *,
    columns: Mapping[str, Any] | None = None,
    ports: Mapping[str, Mapping[str, Any]] | None = None,
    internal: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    notes: tuple[Note, ...] = (),
    certificates: tuple[Signed, ...] = (),
    ends_instance: bool = False,
) -> Outcome:
    """End the stage by ``way``."""
    return Outcome(
        way=way,
        columns=columns or {},
        ports=ports or {},
        internal=internal or {},
        data=data or {},
        notes=notes,
        certificates=certificates,
        ends_instance=ends_instance,
    )


def stay(
    due_in_s: float | None,
    *,
    waiting_for: str,
    advice: str,
    columns: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    deadline_in_s: float | None = None,
    notes: tuple[Note, ...] = (),
    asked: tuple[Asked, ...] = (),
) -> Outcome:
    """Look again in ``due_in_s`` seconds, or sooner if somebody makes the node due."""
    return Outcome(
        way=None,
        due_in_s=due_in_s,
        waiting_for=waiting_for,
        advice=advice,
        columns=columns or {},
        data=data or {},
        deadline_in_s=deadline_in_s,
        notes=notes,
        asked=asked,
    )
