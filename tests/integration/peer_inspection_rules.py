"""Carries inspection rules out with real Ironic's engine; runs in its environment (``build/peers/ironic``), cases in, results out, as JSON.

A case has ``rules``, ``node`` (attributes), ``ports``, ``inventory``, ``plugin_data``. A result has what became of node, ports and plugin
data, and ``failed``: the kind of the error, or null. Rules, node and ports are plain objects: no database is asked but for traits.
"""

import importlib
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

engine = importlib.import_module("ironic.common.inspection_rules.engine")
actions = importlib.import_module("ironic.common.inspection_rules.actions")
exception = importlib.import_module("ironic.common.exception")
service = importlib.import_module("ironic.common.service")
service.prepare_service(["peer"])
logging.disable(logging.CRITICAL)  # it would go to the standard output


class _Row(SimpleNamespace):
    def save(self) -> None:
        pass

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class _Trait:
    """Ironic's object writes to its database."""

    node: Any = None

    def __init__(self, _context: Any, node_id: int, trait: str) -> None:
        self._trait = trait

    def create(self) -> None:
        if self._trait not in self.node.traits:
            self.node.traits.append(self._trait)

    @classmethod
    def destroy(cls, _context: Any, node_id: int, trait: str) -> None:
        if trait not in cls.node.traits:
            raise exception.NodeTraitNotFound(node_id=node_id, trait=trait)
        cls.node.traits.remove(trait)


def carried_out(case: dict[str, Any]) -> dict[str, Any]:
    """Return what Ironic makes of a case."""
    node = _Row(id=1, **case["node"])
    ports = [_Row(**port) for port in case["ports"]]
    task = SimpleNamespace(node=node, ports=ports, context=None)
    _Trait.node = node
    actions.objects.Trait = _Trait
    rules = [dict(rule, uuid=str(number)) for number, rule in enumerate(case["rules"])]
    engine.objects.InspectionRule = SimpleNamespace(list=lambda **_words: rules)
    failed = None
    try:
        engine.apply_rules(task, case["inventory"], case["plugin_data"], "main")
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        failed = f"{type(error).__name__}: {error}"
    found = {"node": vars(node), "ports": [vars(port) for port in ports]}
    return {**found, "plugin_data": case["plugin_data"], "failed": failed}


def _plain(value: Any) -> Any:
    """Return what Ironic's masking wrapper has in it, which it leaves in plugin data when it extends a list there."""
    return vars(value).get("_original", vars(value).get("_data"))


if __name__ == "__main__":
    json.dump([carried_out(case) for case in json.load(sys.stdin)], sys.stdout, default=_plain)
