"""Real Ironic orders what has no need of a machine: its hardware is fake, our agent is a process whose hardware is a file.

What is shown is the conversation: that Ironic hears the end of every step in time, takes failures for failures, and gets through a
service. Its fake hardware knows no rescue.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.agent_process import Agent
from tests.integration.fake_controller import FakeController
from tests.integration.fake_machine import MAC
from tests.lab.api_client import ApiClient
from tests.lab.lab import Lab
from tests.lab.real_ironic import PEER, RealIronic

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]

WAIT_S = 300
REGULAR_HEARTBEAT_S = 90
"""The earliest after which an agent of Ironic's default ``ramdisk_heartbeat_timeout`` tells again of its own accord."""
FAKE = {
    "driver": "fake-hardware",
    **{f"{kind}_interface": "fake" for kind in ("boot", "management", "power")},
    "deploy_interface": "direct",
    "network_interface": "noop",
}


@dataclass(slots=True)
class Rig:
    """Ironic with one node ``m1``, manageable, and an agent for each boot that Ironic believes in."""

    api: ApiClient
    url: str
    folder: Path
    agents: list[Agent] = field(default_factory=list)

    def boot(self, state: str) -> Agent:
        """Start an agent without a past as soon as Ironic waits in ``state``."""
        self.api.wait_until("m1", lambda node: node["provision_state"] == state, timeout_s=WAIT_S)
        self.end()
        folder = self.folder / f"boot-{len(self.agents)}"
        folder.mkdir()
        agent = Agent(folder, FakeController(url=self.url))
        self.agents.append(agent)
        agent.start("ipa-advertise-host=127.0.0.1")
        return agent

    def end(self) -> None:
        for agent in self.agents[-1:]:
            agent.kill()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    nothing = tmp_path / "no-ramdisk"
    nothing.touch()
    with Lab(workdir=tmp_path / "logs") as lab:
        ironic = RealIronic(lab, kernel=nothing, ramdisk=nothing)
        with lab.network.inside():
            api = ApiClient(ironic.url)
            capabilities = {"capabilities": "boot_mode:uefi", "cpu_arch": "x86_64"}
            api.create_node({"name": "m1", "properties": capabilities, **FAKE}, macs=(MAC,))
            api.provision("m1", "manage")
            api.wait_for_state("m1", "manageable", timeout_s=WAIT_S)
            made = Rig(api, ironic.url, tmp_path)
            yield made
            made.end()


def test_a_step_that_ends_in_a_moment_is_heard_of_before_the_next_regular_heartbeat(
    rig: Rig,
) -> None:
    """Ironic drops a heartbeat that comes while it holds the node, as it does right after its order."""
    for _ in range(4):
        rig.api.provision("m1", "provide")
        rig.boot("clean wait")
        began = time.monotonic()
        rig.api.wait_for_state("m1", "available", timeout_s=WAIT_S)
        assert time.monotonic() - began < REGULAR_HEARTBEAT_S
        rig.api.provision("m1", "manage")
        rig.api.wait_for_state("m1", "manageable", timeout_s=WAIT_S)


def test_a_step_that_fails_is_told_in_the_agent_s_words(rig: Rig) -> None:
    rig.api.provision("m1", "clean", clean_steps=[{"interface": "deploy", "step": "fail"}])
    rig.boot("clean wait")
    node = rig.api.wait_for_rest("m1", timeout_s=WAIT_S)
    assert node["provision_state"] == "clean failed"
    assert "/dev/fake: the drive answered no; replace it" in node["last_error"]


def test_an_adopted_node_is_serviced(rig: Rig) -> None:
    rig.api.set_instance("m1", image_source="http://127.0.0.1/none", image_checksum="0" * 64)
    rig.api.provision("m1", "adopt")
    rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)

    step = {"interface": "deploy", "step": "grow_deaf"}
    rig.api.provision("m1", "service", service_steps=[step])
    agent = rig.boot("service wait")
    (agent.folder / "finish-step").touch()
    node = rig.api.wait_for_state("m1", "active", timeout_s=WAIT_S)
    assert node["last_error"] is None
    assert (agent.folder / "deaf").exists(), "the step was not run"
