"""``driver_type = "fake"``: a switch that is a file, or memory. For tests and for trying workflows without a switch.

In its ``directory`` it keeps ``<name>.json`` (``{"ports": {..}}``), writes each change into ``<name>.log``, and obeys ``<name>.orders.json``:
``{"fail": {"<port>": "words"}, "delay_s": 2, "answer_after_s": 2, "ignore": ["<port>"]}``; it waits before a change, and with the answer; a port that is ignored is said to be changed and is not.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.errors import Invalid, SwitchError, SwitchUnreachable
from controller.switches.driver import Switch
from controller.switches.switchport import Switchport, parse_switchport

_DIRECTORY = "directory"
_WHERE = "the fake switch's file"


class FakeSwitch:
    """See :class:`controller.switches.driver.SwitchDriver`."""

    properties: Mapping[str, str] = {  # a Mapping is not written to
        _DIRECTORY: "Folder of its files; without it the switch is in memory and always obeys."
    }

    def __init__(self) -> None:
        """Begin with ports that are in no VLAN."""
        self._memory: dict[str, dict[str, str]] = {}

    def validate(self, switch: Switch) -> None:
        """Refuse other options."""
        unknown = sorted(set(switch.options) - {_DIRECTORY})
        if unknown:
            raise Invalid(f"it has {unknown[0]}; a fake switch has only {_DIRECTORY}")
        if not isinstance(switch.options.get(_DIRECTORY, ""), str):
            raise Invalid(f"its {_DIRECTORY} must be a text")

    def attach(self, switch: Switch, port: str, wanted: Switchport, *, timeout_s: float) -> None:
        """Write it down, unless it was told to fail."""
        self._change(switch, port, str(wanted), timeout_s)

    def detach(self, switch: Switch, port: str, *, timeout_s: float) -> None:
        """Likewise."""
        self._change(switch, port, None, timeout_s)

    def read(self, switch: Switch, port: str, *, timeout_s: float) -> Switchport | None:
        """Return what stands there."""
        del timeout_s
        found = self._ports(switch).get(port)
        return None if found is None else parse_switchport(found, _WHERE)

    def _change(self, switch: Switch, port: str, wanted: str | None, timeout_s: float) -> None:
        orders = self._read(switch, "orders.json")
        delay_s = float(orders.get("delay_s", 0))
        time.sleep(min(delay_s, timeout_s))
        if delay_s > timeout_s:
            raise SwitchUnreachable(f"no answer within {timeout_s:.0f} s")
        self._log(switch, f"{port} {wanted or 'none'}")
        if words := orders.get("fail", {}).get(port):
            raise SwitchError(str(words))
        if port in orders.get("ignore", ()):
            return
        ports = self._ports(switch)
        if wanted is None:
            ports.pop(port, None)
        else:
            ports[port] = wanted
        self._store(switch, ports)
        time.sleep(min(float(orders.get("answer_after_s", 0)), timeout_s))

    def _ports(self, switch: Switch) -> dict[str, str]:
        if _DIRECTORY not in switch.options:
            return self._memory.setdefault(switch.name, {})
        return dict(self._read(switch, "json").get("ports", {}))

    def _store(self, switch: Switch, ports: Mapping[str, str]) -> None:
        if _DIRECTORY in switch.options:
            path = self._path(switch, "json")
            path.with_suffix(".new").write_text(json.dumps({"ports": ports}))
            path.with_suffix(".new").replace(path)

    def _log(self, switch: Switch, line: str) -> None:
        if _DIRECTORY in switch.options:
            with self._path(switch, "log").open("a") as file:
                file.write(f"{line}\n")

    def _read(self, switch: Switch, suffix: str) -> dict[str, Any]:
        if _DIRECTORY not in switch.options:
            return {}
        try:
            found: dict[str, Any] = json.loads(self._path(switch, suffix).read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SwitchError(f"its file cannot be read: {error}") from error
        return found

    def _path(self, switch: Switch, suffix: str) -> Path:
        return Path(str(switch.options[_DIRECTORY])) / f"{switch.name}.{suffix}"
