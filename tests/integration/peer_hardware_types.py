"""Lists what real Ironic's hardware types accept; runs in its environment (``build/peers/ironic``).

Standard input: ``[null]``; standard output: ``[{hardware type: {kind: [names]}}]``.
"""

import json
import sys
from importlib.metadata import entry_points
from typing import Any

_PREFIX, _TYPES = "ironic.hardware.interfaces.", "ironic.hardware.types"


def names_of(kind: str) -> dict[Any, str]:
    """Return the names of the implementations of a kind by their classes."""
    return {one.load(): one.name for one in entry_points(group=f"{_PREFIX}{kind}")}


def accepted(made: Any, kinds: list[str]) -> dict[str, list[str]]:
    """Return what nodes of one hardware type may choose."""
    found = {}
    for kind in kinds:
        names = names_of(kind)
        supported = getattr(made, f"supported_{kind}_interfaces")
        found[kind] = [names[one] for one in supported if one in names]
    return found


if __name__ == "__main__":
    json.load(sys.stdin)
    kinds = sorted(one[len(_PREFIX) :] for one in entry_points().groups if one.startswith(_PREFIX))
    types = {one.name: accepted(one.load()(), kinds) for one in entry_points(group=_TYPES)}
    json.dump([types], sys.stdout)
