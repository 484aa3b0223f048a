"""What shall run where, told to the process that makes the place. Standard library only: that process loads nothing else."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A block device's node; ``name`` is below ``/dev``, such as ``vda1``."""

    name: str
    major: int
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One program. ``root`` is a mount that becomes its root; ``links`` are made below ``/dev``: name to target.

    ``group`` is the folder of the control group that it joins; empty = none.
    """

    root: str
    argv: tuple[str, ...]
    nodes: tuple[Node, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    group: str = ""

    def encode(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what ``encode`` wrote."""
        found = json.loads(text)
        found["argv"] = tuple(found["argv"])
        found["nodes"] = tuple(Node(**node) for node in found["nodes"])
        return cls(**found)
