"""In-band inspection: post what the machine is made of (Ironic API v1, ``/v1/continue_inspection``)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from agent.commands.system_logs import SystemLogs
from agent.errors import AgentError, ControllerRefused, ControllerUnreachable, NoSuitableDisk
from agent.hardware.registry import Hardware
from agent.inspection.inventory import collect, describe_disk
from agent.lifecycle.controller_client import ControllerClient
from agent.protocol.inventory import Disk

log = logging.getLogger(__name__)
_DELAYS_S = (5.0, 10.0, 20.0, 30.0)

Wait = Callable[[float], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an inspection is made from."""

    hardware: Hardware
    system_logs: SystemLogs
    hostname: str
    boot_mac: str | None

    def document(self) -> dict[str, Any]:
        """Return the body to post.

        Raises:
            AgentError: The machine could not be read.
        """
        managers = self.hardware.versions().items()
        return {
            "inventory": collect(self.hardware, self.hostname),
            "root_disk": self._root_disk(),
            "boot_interface": self.boot_mac,
            "configuration": {
                "collectors": ["default", "logs"],
                "managers": [{"name": name, "version": version} for name, version in managers],
            },
            "logs": self.system_logs.collect()["system_logs"],
            "error": None,
        }

    def _root_disk(self) -> Disk | None:
        try:
            return describe_disk(self.hardware.root_disk({}).disk)
        except NoSuitableDisk:
            return None


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
