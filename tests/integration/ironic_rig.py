"""Real Ironic whose machines are processes: our agent started with the arguments that Ironic wrote for the boot."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.agent_process import Agent
from tests.integration.fake_controller import FakeController
from tests.integration.fake_machine import MAC
from tests.lab.api_client import ApiClient, Document
from tests.lab.lab import Lab
from tests.lab.real_ironic import RealIronic

WAIT_S = 300
FAKE = {
    "driver": "fake-hardware",
    "power_interface": "fake",
    "management_interface": "noop",  # the fake one has no disk to boot from
    **{f"{kind}_interface": "agent" for kind in ("inspect", "raid", "rescue")},
    "boot_interface": "ipxe",
    "deploy_interface": "direct",
    "network_interface": "noop",
}


@dataclass(slots=True)
class Rig:
    """Ironic with one node at a time, and an agent for each boot that Ironic believes in."""

    lab: Lab
    api: ApiClient
    ironic: RealIronic
    folder: Path
    agents: list[Agent] = field(default_factory=list)

    @property
    def agent(self) -> Agent:
        return self.agents[-1]

    def enrol(self, name: str, **more: object) -> Document:
        """Create a manageable node."""
        capabilities = {"capabilities": "boot_mode:uefi", "cpu_arch": "x86_64"}
        document = {"name": name, **FAKE, "properties": capabilities, **more}
        node = self.api.create_node(document, macs=(MAC,))
        self.api.provision(name, "manage")
        self.api.wait_for_state(name, "manageable", timeout_s=WAIT_S)
        return node

    def boot(
        self,
        name: str,
        state: str,
        *,
        machine: str = "fake_machine",
        prepare: Callable[[Path], None] = lambda _: None,
    ) -> Agent:
        """Start an agent without a past as soon as Ironic waits in ``state``; ``prepare`` gets its folder."""
        node = self.api.wait_until(
            name, lambda node: node["provision_state"] == state, timeout_s=WAIT_S
        )
        self.end()
        folder = self.folder / f"boot-{len(self.agents)}"
        folder.mkdir()
        prepare(folder)
        agent = Agent(folder, FakeController(url=self.ironic.url), machine)
        self.agents.append(agent)
        arguments = self._kernel_arguments(node["uuid"])
        agent.start(" ".join([*arguments, "ipa-advertise-host=127.0.0.1"]))
        return agent

    def end(self) -> None:
        for agent in self.agents[-1:]:
            agent.kill()

    def forget(self, name: str) -> None:
        """Remove a node, whatever has become of it."""
        self.end()
        self.api.call("PUT", f"/v1/nodes/{name}/maintenance", ok=202)
        self.api.call("DELETE", f"/v1/nodes/{name}", ok=204)

    def _kernel_arguments(self, uuid: str) -> Sequence[str]:
        """Return what of Ironic's iPXE script is for the agent."""
        script = self.ironic.http_root / uuid / "config"
        if not script.exists():
            return ()  # a fake boot interface
        line = re.search(r"^kernel .*$", script.read_text(), re.MULTILINE)
        return re.findall(r"\bipa-\S+", line[0]) if line else ()


@contextmanager
def ironic_rig(folder: Path, collectors: Sequence[str] = ("default",)) -> Iterator[Rig]:
    """Start Ironic; the calling thread works in its network."""
    nothing = folder / "no-ramdisk"
    nothing.touch()
    with Lab(workdir=folder / "logs") as lab:
        ironic = RealIronic(lab, kernel=nothing, ramdisk=nothing, collectors=collectors)
        with lab.network.inside():
            rig = Rig(lab, ApiClient(ironic.url), ironic, folder)
            yield rig
            rig.end()
