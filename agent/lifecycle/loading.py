"""What the agent loads when; the only module of the agent that imports inside functions.

Loading Python's modules is most of what a start costs, so it happens in three parts:

1. *for the lookup*: what ``agent.daemon`` imports, and the hardware managers that read the machine (``hardware/plugins.py``)
2. *for the first heartbeat*: the API, which the controller calls as soon as it has heard of us
3. *after it*: images, disks, every command and all other hardware managers; an order that comes earlier waits for them

An inspection reads everything and comes first, so it loads the managers at once. ``tests/integration/test_loading.py`` lists what must
not be there at the first heartbeat.
"""

import gc
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agent.commands.command import Command
from agent.commands.executor import CommandExecutor
from agent.lifecycle.controller_client import ControllerClient
from agent.lifecycle.parts import AgentParts
from agent.protocol.lookup import LookupConfig
from agent.settings import MDNS, Settings
from agent.system.certificate import Certificate

if TYPE_CHECKING:
    from agent.api.server import ApiServer

log = logging.getLogger(__name__)


def find_addresses(settings: Settings) -> Settings:
    """Ask the local network for addresses if that is wanted; see :func:`agent.lifecycle.discovery.with_found_addresses`."""
    if MDNS not in (*settings.api_urls, *settings.inspection_callback_urls):
        return settings
    from agent.lifecycle import discovery
    from agent.system import mdns

    return discovery.with_found_addresses(settings, mdns.ask_network)


def import_api() -> None:
    """Import the API; :func:`start_api` finds it loaded."""
    from agent.lifecycle import serving  # noqa: F401


def start_api(
    parts: AgentParts,
    executor: CommandExecutor,
    host: str,
    certificate: Certificate | None,
    config: LookupConfig | None,
) -> "tuple[ApiServer, str]":
    """Start the API; see :func:`agent.lifecycle.serving.start_api`."""
    from agent.lifecycle import serving

    return serving.start_api(parts, executor, host, certificate, config)


def inspect(
    parts: AgentParts, client: ControllerClient, wait: Callable[[float], bool]
) -> str | None:
    """Inspect with every hardware manager; see :func:`agent.lifecycle.inspection.inspect`."""
    from agent.lifecycle import inspection

    parts.hardware.complete()
    return inspection.inspect(inspection.inspection_of(parts), client, wait)


def load_commands(parts: AgentParts) -> Mapping[str, Command]:
    """Load everything else and return every command by its full name.

    Raises:
        PluginError: A hardware manager cannot be used.
    """
    began = time.monotonic()
    from agent.lifecycle import orders

    parts.hardware.complete()
    commands = orders.build(parts)
    # Modules stay: nobody needs to look for garbage among them. The ramdisk has it off until here, see usr/lib/ingot/agent.
    gc.freeze()
    gc.enable()
    log.info("ready for orders", extra={"loading_s": round(time.monotonic() - began, 2)})
    return commands
