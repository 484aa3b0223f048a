"""Which containers a ramdisk may run as steps: from the controller's settings by the lookup to the rules of the agent's manager."""

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.protocol.containers import ContainerRules
from controller.load_settings import load_settings
from controller.workflow.ramdisk import container_rules
from hardware_managers.container.rules import allowed_options, read_rules
from tests.integration.controller_api import make_api

PEER = Path(__file__).parents[2] / "build/peers/ironic/bin/python"
MAC = "52:54:00:aa:00:01"
SETTINGS: dict[str, Any] = {
    "agent_allowed_containers": "docker://registry.example.org/tool:1, fans:2",
    "agent_allow_arbitrary_containers": True,
    "agent_container_steps_file": "/etc/steps.yaml",
    "agent_container_runner": "docker",
    "agent_container_pull_options": "--quiet",
    "agent_container_run_options": "--rm,--network=none",
}


def told(folder: Path, **settings: Any) -> Any:
    """Return ``agent_containers`` as a ramdisk of a node in cleaning gets it."""
    api = make_api(folder, agent_require_tls=False, **settings)
    try:
        node = str(api.node(name="one")["uuid"])
        api.ok("POST", "/v1/ports", {"node_uuid": node, "address": MAC})
        api.set_row(node, provision_state="clean wait", target_provision_state="available")
        found = api.ok("GET", f"/v1/lookup?addresses={MAC}", version="1.62")
        return found["config"]["agent_containers"]
    finally:
        api.services.store.close()


def test_all_six_settings_reach_the_agent(tmp_path: Path) -> None:
    rules = read_rules(told(tmp_path, **SETTINGS))
    assert rules == ContainerRules(
        allow_arbitrary_containers=True,
        allowed_containers=("docker://registry.example.org/tool:1", "fans:2"),
        container_steps_file="/etc/steps.yaml",
        runner="docker",
        pull_options=("--quiet",),
        run_options=("--rm", "--network=none"),
    )
    asked = ("--privileged",)
    assert allowed_options(rules, "registry.example.org/tool:1", asked, ()) == asked
    assert allowed_options(rules, "other:1", asked, rules.run_options) == ("--rm", "--network=none")


def test_nothing_set_is_what_the_agent_does_by_itself(tmp_path: Path) -> None:
    assert (
        read_rules(told(tmp_path)) == ContainerRules() == container_rules(load_settings("", {}, {}))
    )


@pytest.mark.interop
@pytest.mark.skipif(not PEER.exists(), reason="make build/stamps/peer-ironic")
def test_keys_and_defaults_are_real_ironics() -> None:
    script = (
        "import json; from ironic.conf.agent_containers import opts;"
        "print(json.dumps({one.name: one.default for one in opts}))"
    )
    done = subprocess.run(
        [PEER, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert json.loads(done.stdout) == json.loads(msgspec.json.encode(ContainerRules()))
