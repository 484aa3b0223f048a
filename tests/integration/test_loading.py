"""What is loaded when: the agent's own modules and libraries that must not be there at the first heartbeat, and that come after it.

The agent is the real one, with every hardware manager, and sees this host; nothing here lists a step that writes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.agent_process import ROOT, Agent, Conductor
from tests.integration.fake_controller import fake_controller

FOR_THE_LOOKUP = frozenset(
    {
        *("agent.daemon", "agent.errors", "agent.settings"),
        *("agent.hardware", "agent.protocol", "agent.system"),
        *("agent.api.tls", "agent.commands.command", "agent.commands.executor"),
        *("agent.commands.failures", "agent.commands.identity", "agent.commands.results"),
        *(
            f"agent.lifecycle.{name}"
            for name in (
                *("addresses", "approach", "clock", "controller_client", "heartbeat", "loading"),
                *("lookup", "parts", "readiness", "run", "screen", "wishes"),
            )
        ),
        *(
            f"hardware_managers.generic.{name}"
            for name in ("disks", "ethtool", "machine", "nics", "reading", "udev")
        ),
        "hardware_managers.ipa_compatibility.manager",
    }
)
"""Of our own modules (and what is below them); everything else waits. Think twice before you add one: every start pays for it."""
FOR_THE_HEARTBEAT = FOR_THE_LOOKUP | {"agent.api", "agent.lifecycle.serving"}
API_LIBRARIES = ("agent.protocol.http_server", "cheroot", "flask", "jinja2", "werkzeug")
LATE_LIBRARIES = ("agent.protocol.dns_message", "agent.system.mdns", "tarfile", "yaml", "zstandard")
PROGRAM = """
import json, sys
from pathlib import Path
from agent import daemon
from agent.hardware.plugins import import_plugins
from agent.lifecycle.controller_client import ControllerClient

folder = Path(sys.argv[1])


def note(name):
    new = folder / (name + ".new")
    if not (folder / name).exists():
        new.write_text(json.dumps(sorted(sys.modules)))
        new.rename(folder / name)


def beat(self, *arguments):
    note("heartbeat")
    return send(self, *arguments)


import_plugins()
note("lookup")
send, ControllerClient.heartbeat = ControllerClient.heartbeat, beat
sys.exit(daemon.main(sys.argv[2:]))
"""


class WatchedAgent(Agent):
    """Writes down what its process has imported: before the lookup, and when the first heartbeat is sent."""

    def start(self, arguments: str = "", *, network_ready_file: Path | None = None) -> None:
        cmdline = self.folder / "cmdline"
        cmdline.write_text(f"ipa-api-url={self.controller.url} {arguments}\n")
        where = ("--bind", "127.0.0.1:0", "--state-directory", self.folder / "state")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (
                    sys.executable,
                    "-c",
                    PROGRAM,
                    self.folder,
                    "--no-reboot",
                    *where,
                    "--cmdline-file",
                    cmdline,
                ),
                cwd=ROOT,
                stderr=log,
                stdout=log,
            )

    def modules(self, moment: str) -> list[str]:
        found: list[str] = json.loads((self.folder / moment).read_text())
        return found


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedAgent]:
    """An agent that has sent its first heartbeat."""
    folder = tmp_path_factory.mktemp("agent")
    with fake_controller() as controller:
        agent = WatchedAgent(folder, controller)
        agent.start("ipa-disk-wait-attempts=0")
        try:
            controller.wait_for("POST", "/v1/heartbeat/", timeout_s=120)
            yield agent
        finally:
            agent.kill()


def ours(modules: list[str], allowed: frozenset[str]) -> list[str]:
    """Return our own modules that are not allowed; a package on the way to an allowed module is."""
    return [
        name
        for name in modules
        if name.partition(".")[0] in ("agent", "hardware_managers")
        and not any(f"{name}.".startswith(f"{one}.") or one.startswith(name) for one in allowed)
    ]


def libraries(modules: list[str], unwanted: tuple[str, ...]) -> list[str]:
    return [name for name in unwanted if name in modules]


def test_the_lookup_finds_only_what_it_needs_loaded(started: WatchedAgent) -> None:
    modules = started.modules("lookup")
    assert ours(modules, FOR_THE_LOOKUP) == []
    assert libraries(modules, (*API_LIBRARIES, *LATE_LIBRARIES)) == []


def test_the_first_heartbeat_finds_the_api_loaded_too_and_nothing_else(
    started: WatchedAgent,
) -> None:
    modules = started.modules("heartbeat")
    assert ours(modules, FOR_THE_HEARTBEAT) == []
    assert libraries(modules, LATE_LIBRARIES) == []
    assert "agent.api.app" in modules


def test_an_order_waits_for_the_rest_and_sees_every_hardware_manager(started: WatchedAgent) -> None:
    conductor = Conductor(started, started.controller.heartbeat().body)
    answer = conductor.order("clean.get_clean_steps", {"node": {}, "ports": []}, wait=True).json()
    versions = answer["command_result"]["hardware_manager_version"]
    assert {"ata", "firmware", "generic_hardware_manager", "nvme", "scsi"} <= set(versions)
    assert "ready for orders" in started.log.read_text()
