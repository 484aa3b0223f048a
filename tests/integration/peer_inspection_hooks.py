"""Has real Ironic's inspection hooks look at results; runs in its environment (``build/peers/ironic``), cases in, findings out, as JSON.

A case has ``hooks``, ``inventory``, ``plugin_data``, ``properties``, ``ports``, ``before`` (the last inventory) and ``options`` of
``[inspector]``. Node and ports are plain objects: no database is asked.
"""

import importlib
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any, ClassVar

_HOOKS = "ironic.drivers.modules.inspector.hooks."
exception = importlib.import_module("ironic.common.exception")
objects: Any = importlib.import_module("ironic.objects")
port_module: Any = importlib.import_module("ironic.objects.port")
node_inventory: Any = importlib.import_module("ironic.objects.node_inventory")
conf = importlib.import_module("ironic.conf").CONF
importlib.import_module("ironic.common.service").prepare_service(["peer"])
logging.disable(logging.CRITICAL)


class _Port:
    """Ironic's object writes to its database."""

    every: ClassVar[list["_Port"]] = []

    def __init__(self, _context: Any = None, **values: Any) -> None:
        whole: dict[str, Any] = {"physical_network": None, "local_link_connection": {}, "extra": {}}
        vars(self).update({**whole, "pxe_enabled": True, "uuid": "", "id": 1, **values})
        self._changed_fields: set[str] = set()

    def create(self) -> None:
        if any(port.address == self.address for port in self.every):  # type: ignore[attr-defined]
            raise exception.MACAlreadyExists(mac="x")
        self.every.append(self)

    def destroy(self) -> None:
        self.every.remove(self)

    def save(self) -> None:
        pass

    def set_local_link_connection(self, name: str, value: Any) -> None:
        self.local_link_connection[name] = value  # type: ignore[attr-defined]

    @classmethod
    def list_by_node_id(cls, _context: Any, _node_id: int) -> list["_Port"]:
        return list(cls.every)

    @classmethod
    def get_by_address(cls, _context: Any, address: str) -> "_Port":
        found = [port for port in cls.every if port.address == address]  # type: ignore[attr-defined]
        if not found:
            raise exception.PortNotFound(port=address)
        return found[0]


objects.Port = _Port
port_module.Port = _Port


def found_by(case: dict[str, Any]) -> dict[str, Any]:
    """Return what the hooks of a case find."""
    for name, value in case["options"].items():
        conf.set_override(name, value, group="inspector")
    _Port.every = [_Port(**port) for port in case["ports"]]
    node = SimpleNamespace(id=1, uuid="u", properties=case["properties"], save=lambda: None)
    node.set_property = node.properties.__setitem__
    task = SimpleNamespace(node=node, context=None)
    before = {"inventory_data": case["before"]}
    node_inventory.NodeInventory = SimpleNamespace(get_by_node_id=lambda _c, _n: before)
    inventory, data, failed = case["inventory"], case["plugin_data"], None
    try:
        hooks = [_hook(name) for name in case["hooks"]]
        for hook in hooks:
            hook.preprocess(task, inventory, data)
        for hook in hooks:
            hook(task, inventory, data)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        failed = f"{type(error).__name__}: {error}"
    conf.clear_override("add_ports", group="inspector")
    for name in case["options"]:
        conf.clear_override(name, group="inspector")
    names = ("address", "pxe_enabled", "physical_network", "local_link_connection", "extra")
    ports = [{name: getattr(port, name) for name in names} for port in _Port.every]
    return {"properties": node.properties, "plugin_data": data, "ports": ports, "failed": failed}


def _hook(name: str) -> Any:
    module = importlib.import_module(_HOOKS + name.replace("-", "_"))
    if name == "pci-devices":
        module.PciDevicesHook._aliases = module._parse_pci_alias_entries()
    base = importlib.import_module(_HOOKS + "base").InspectionHook
    kinds = [one for one in vars(module).values() if isinstance(one, type) and one is not base]
    (kind,) = [one for one in kinds if issubclass(one, base)]
    return kind()


if __name__ == "__main__":
    json.dump([found_by(case) for case in json.load(sys.stdin)], sys.stdout)
