"""In-band inspection: post what the machine is made of (Ironic API v1, ``/v1/continue_inspection``)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from agent.commands.system_logs import SystemLogs
from agent.errors import AgentError, ControllerRefused, ControllerUnreachable, NoSuitableDisk
from agent.hardware.collecting import CollectContext, Collector
from agent.hardware.registry import Hardware
from agent.inspection.collection import run, select, told
from agent.inspection.inventory import collect, describe_disk
from agent.lifecycle.controller_client import ControllerClient
from agent.lifecycle.orders import system_logs
from agent.lifecycle.parts import AgentParts
from agent.protocol.inventory import Disk
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_DEFAULT, _LOGS, _LLDP = "default", "logs", "lldp"
_INVENTORY_TIMEOUT_S, _LOGS_TIMEOUT_S = 300.0, 180.0
_MOST_INVENTORY_BYTES, _MOST_LOG_BYTES = 4 << 20, 8 << 20
"""A controller takes 16 MiB in all (Ironic and ours)."""
_DELAYS_S = (5.0, 10.0, 20.0, 30.0)

Wait = Callable[[float], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an inspection is made from.

    ``wanted`` are the names of collectors (empty: those that run by default); ``default`` always runs: no controller takes a result
    without an inventory.
    """

    hardware: Hardware
    runner: Runner
    system_logs: SystemLogs
    hostname: str
    boot_mac: str | None
    wanted: tuple[str, ...] = ()
    fills_lldp: bool = False
    """Raw LLDP data goes into the inventory's interfaces, too (``ipa-collect-lldp``)."""

    def document(self) -> dict[str, Any]:
        """Return the body to post; ``warnings`` (ours) names every collector that failed, and those that do not exist.

        ``error`` would have Ironic and our controller throw all of it away, so it stays empty: what has to be there, is.

        Raises:
            AgentError: There is no inventory: the machine could not be read.
        """
        offered = {**self.hardware.collectors(), **{own.name: own for own in self._own()}}
        collectors, unknown = select(self._names(), offered)
        context = CollectContext(hardware=self.hardware, runner=self.runner)
        last = tuple(one for one in collectors if one.name == _LOGS)
        first = run([one for one in collectors if one not in last], context)
        if "inventory" not in first.parts:
            raise AgentError(first.failures[_DEFAULT])
        # The logs come last, so that they have what the others said.
        logs = run(last, context)
        warnings = told({**unknown, **first.failures, **logs.failures})
        document = {**first.parts, **logs.parts, "error": None, "warnings": warnings}
        document["configuration"] = {
            "collectors": [one.name for one in collectors],
            "managers": [
                {"name": name, "version": version}
                for name, version in self.hardware.versions().items()
            ],
        }
        return _with_lldp(document) if self.fills_lldp else document

    def _names(self) -> tuple[str, ...]:
        more = (_LLDP,) if self.fills_lldp else ()
        if not self.wanted:
            defaults = (c.name for c in self.hardware.collectors().values() if c.is_default)
            return (_DEFAULT, _LOGS, *defaults, *more)
        return (_DEFAULT, *self.wanted, *more)

    def _own(self) -> tuple[Collector, ...]:
        return (
            Collector(
                name=_DEFAULT,
                collect=self._default,
                is_default=True,
                timeout_s=_INVENTORY_TIMEOUT_S,
                most_bytes=_MOST_INVENTORY_BYTES,
            ),
            Collector(
                name=_LOGS,
                collect=lambda _context: {"logs": self.system_logs.collect()["system_logs"]},
                is_default=True,
                timeout_s=_LOGS_TIMEOUT_S,
                most_bytes=_MOST_LOG_BYTES,
            ),
        )

    def _default(self, _context: CollectContext) -> dict[str, Any]:
        root_disk, reasons = self._root_disk()
        return {
            "inventory": collect(self.hardware, self.hostname),
            "boot_interface": self.boot_mac,
            "root_disk": root_disk,
            "root_disk_reasons": reasons,
        }

    def _root_disk(self) -> tuple[Disk | None, dict[str, str]]:
        """Return the disk that would be taken without hints, and of every disk why it is taken or why not."""
        try:
            choice = self.hardware.root_disk({})
        except NoSuitableDisk as error:
            return None, {"none": str(error)}
        reasons = {str(path): reason for path, reason in choice.reasons.items()}
        return describe_disk(choice.disk), reasons


def inspection_of(parts: AgentParts) -> Inspection:
    """Return the inspection that the settings of an agent want."""
    settings = parts.settings
    return Inspection(
        hardware=parts.hardware,
        runner=parts.runner,
        system_logs=system_logs(parts),
        hostname=parts.hostname,
        boot_mac=settings.boot_mac,
        wanted=settings.collectors,
        fills_lldp=settings.collect_lldp,
    )


def _with_lldp(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with raw LLDP data in the inventory's interfaces (``None`` = nothing was heard)."""
    raw = document.get("lldp_raw") or {}
    inventory = document["inventory"]
    interfaces = [{**one, "lldp": raw.get(one["name"]) or None} for one in inventory["interfaces"]]
    return {**document, "inventory": {**inventory, "interfaces": interfaces}}


def inspect(inspection: Inspection, client: ControllerClient, wait: Wait) -> str | None:
    """Collect and post; return the node's UUID if the controller says it.

    A failure is logged and does not keep the agent from the lookup: the controller will say what it misses.
    """
    try:
        document = inspection.document()
    except AgentError as error:
        log.warning("not inspected: the machine could not be read", extra={"why": str(error)})
        return None
    for delay_s in (*_DELAYS_S, None):
        try:
            node_uuid = client.continue_inspection(document)
        except (ControllerRefused, ControllerUnreachable) as error:
            again = delay_s is not None and _may_help(error)
            data = {"why": str(error), "next_in_s": delay_s if again else "never"}
            log.warning("inspection not delivered", extra=data)
            if delay_s is None or not again or wait(delay_s):
                return None
        else:
            log.info("inspection delivered", extra={"node": node_uuid})
            return node_uuid
    return None


def _may_help(error: Exception) -> bool:
    if not isinstance(error, ControllerRefused):
        return True
    return (
        error.answered == HTTPStatus.CONFLICT or error.answered >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
