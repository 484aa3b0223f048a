"""The API with programs of other projects: ``baremetal`` (python-ironicclient) and openstacksdk."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.integration.controller_process import controller_process
from tests.integration.hardware_types import HARDWARE_TYPES
from tests.lab.api_client import ApiClient

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "build/peers/client/bin"
SESSION = Path(__file__).with_name("openstacksdk_session.py")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not (CLIENT / "baremetal").exists(),
        reason="build/peers/client has no baremetal program; make peers installs it",
    ),
]


@dataclass(frozen=True)
class Baremetal:
    """The ``baremetal`` command line, pointed at a controller."""

    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CLIENT / "baremetal", *words],
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "-f", "json"))

    def refused(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode != 0, done.stdout
        return done.stderr


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(home), "OS_BAREMETAL_API_VERSION": "latest"} | more


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with controller_process(tmp_path_factory.mktemp("controller")) as found:
        yield found


@pytest.fixture
def baremetal(url: str, tmp_path: Path) -> Baremetal:
    return Baremetal(environment(tmp_path, OS_AUTH_TYPE="none", OS_ENDPOINT=url))


def test_the_command_line_enrols_manages_provides_and_deletes_a_node(baremetal: Baremetal) -> None:
    assert {one["name"] for one in baremetal.json("driver", "list")} == set(HARDWARE_TYPES)
    created = baremetal.json(
        *("node", "create", "--driver", "fake-hardware", "--name", "cli~1"),
        *("--driver-info", "ipmi_password=1234", "--property", "cpu_arch=x86_64"),
        "--no-automated-clean",
    )
    assert created["driver_info"] == {"ipmi_password": "******"}
    port = baremetal.json("port", "create", "52:54:00:AA:00:01", "--node", created["uuid"])
    assert port["address"] == "52:54:00:aa:00:01"
    assert len(baremetal.json("port", "list", "--node", "cli~1", "--long")) == 1
    baremetal.ok("node", "manage", "cli~1", "--wait", "60")
    baremetal.ok("node", "provide", "cli~1", "--wait", "60")
    (listed,) = baremetal.json("node", "list", "--provision-state", "available")
    assert listed["name"] == "cli~1"
    baremetal.ok(
        "node", "set", "cli~1", "--instance-info", "image_source=http://x/y", "--extra", "a=b"
    )
    baremetal.ok("node", "unset", "cli~1", "--extra", "a")
    shown = baremetal.json("node", "show", "cli~1", "--fields", "instance_info", "extra")
    assert shown == {"instance_info": {"image_source": "http://x/y"}, "extra": {}}
    baremetal.ok("node", "maintenance", "set", "cli~1", "--reason", "fan")
    baremetal.ok("node", "maintenance", "unset", "cli~1")
    checks = {
        one["Interface"]: one["Result"] for one in baremetal.json("node", "validate", "cli~1")
    }
    assert checks["power"] is True
    baremetal.ok("node", "power", "on", "cli~1", "--power-timeout", "30")
    baremetal.ok("node", "boot", "device", "set", "cli~1", "disk", "--persistent")
    device = baremetal.json("node", "boot", "device", "show", "cli~1")
    assert device == {"boot_device": "disk", "persistent": True}
    baremetal.ok("node", "add", "trait", "cli~1", "CUSTOM_FAST")
    events = [one["event"] for one in baremetal.json("node", "history", "list", "cli~1")]
    assert events[0] == "Node created in state enroll"
    baremetal.ok("node", "delete", "cli~1")
    assert baremetal.json("port", "list") == []


def test_the_command_line_shows_our_reasons(baremetal: Baremetal) -> None:
    baremetal.ok("node", "create", "--driver", "ipmi", "--name", "why")
    assert (
        "valid drivers: amt, command, fake-hardware, iboot, idrac, ilo, intel-ipmi, ipmi, manual-management, redfish, snmp, ssh, wol"
        in baremetal.refused("node", "create", "--driver", "nope")
    )
    assert "Node nope could not be found" in baremetal.refused("node", "show", "nope")
    assert "possible there: manage" in baremetal.refused("node", "provide", "why")
    assert "inspect it first" in baremetal.refused("node", "inventory", "save", "why")
    baremetal.ok("node", "delete", "why")


def fake_node(url: str, name: str, *traits: str, **more: object) -> str:
    """Make a node that is available and whose interfaces are fake, without the command line, and return its UUID."""
    client = ApiClient(url)
    kinds = {"boot_interface": "fake", "deploy_interface": "fake", "automated_clean": False}
    document = {"driver": "fake-hardware", "name": name, **kinds, **more}
    node = client.create_node(document, macs=())
    client.call("PUT", f"/v1/nodes/{name}/traits", {"traits": list(traits)}, ok=204)
    for verb, state in (("manage", "manageable"), ("provide", "available")):
        client.provision(name, verb)
        client.wait_for_state(name, state, timeout_s=60)
    return str(node["uuid"])


def test_the_command_line_keeps_steps_and_deploys_with_them(url: str, baremetal: Baremetal) -> None:
    wait = {"interface": "deploy", "step": "wait", "args": {"seconds": 0.1}, "priority": 50}
    create = ("deploy", "template", "create", "CUSTOM_WAITS", "--extra", "a=b")
    made = baremetal.json(*create, "--steps", json.dumps([wait]))
    assert made["steps"] == [wait]
    baremetal.ok("deploy", "template", "set", made["uuid"], "--name", "CUSTOM_PAUSE")
    baremetal.ok("deploy", "template", "unset", "CUSTOM_PAUSE", "--extra", "a")
    shown = baremetal.json(
        "deploy", "template", "show", "CUSTOM_PAUSE", "--fields", "name", "extra"
    )
    assert shown == {"name": "CUSTOM_PAUSE", "extra": {}}
    (listed,) = baremetal.json("deploy", "template", "list")
    assert listed["name"] == "CUSTOM_PAUSE"
    fake_node(url, "t1", "CUSTOM_PAUSE", instance_info={"traits": ["CUSTOM_PAUSE"]})
    baremetal.ok("node", "deploy", "t1", "--wait", "60")
    events = [one["event"] for one in baremetal.json("node", "history", "list", "t1")]
    assert "deploy step wait begins" in events
    baremetal.ok("deploy", "template", "delete", "CUSTOM_PAUSE")


@pytest.mark.long
def test_the_command_line_keeps_runbooks_and_cleans_with_them(
    url: str, baremetal: Baremetal
) -> None:
    steps = [{"interface": "power", "step": "power_on", "args": {}, "order": 1}]
    made = baremetal.json(
        *("runbook", "create", "--name", "care", "--steps", json.dumps(steps)),
        *("--disable-ramdisk", "--description", "words"),
    )
    assert (made["steps"], made["disable_ramdisk"], made["description"]) == (steps, True, "words")
    fake_node(url, "r1", "CUSTOM_A")
    ApiClient(url).provision("r1", "manage")
    assert "has no traits" in baremetal.refused("node", "clean", "r1", "--runbook", "care")
    baremetal.ok("runbook", "trait", "add", "care", "CUSTOM_A", "CUSTOM_B")
    baremetal.ok("runbook", "trait", "remove", "care", "CUSTOM_B")
    assert "CUSTOM_A" in baremetal.ok("runbook", "trait", "list", "care")
    baremetal.ok("node", "clean", "r1", "--runbook", "care", "--wait", "60")
    assert ApiClient(url).node("r1")["power_state"] == "power on"
    # not --public, which this client sends as the word True: real Ironic refuses that, too
    baremetal.ok("runbook", "set", "care", "--name", "other", "--disable-ramdisk", "false")
    baremetal.ok("runbook", "unset", "other", "--description")
    (listed,) = baremetal.json("runbook", "list")
    assert listed["name"] == "other"
    shown = baremetal.json("runbook", "show", "other", "--fields", "disable_ramdisk", "description")
    assert shown == {"disable_ramdisk": False, "description": None}
    baremetal.ok("runbook", "delete", "other")


@pytest.mark.long
def test_the_command_line_keeps_inspection_rules(baremetal: Baremetal) -> None:
    rule = ("inspection", "rule")
    actions = [{"op": "fail", "args": {"msg": "no"}}]
    conditions = [{"op": "!eq", "args": {"values": [1, 2]}, "loop": [1], "multiple": "all"}]
    more = ("--actions", json.dumps(actions), "--conditions", json.dumps(conditions))
    uuid = baremetal.json(*rule, "create", *more, "--description", "words")["uuid"]
    shown = baremetal.json(*rule, "show", uuid)
    assert (shown["actions"], shown["conditions"]) == (actions, conditions)
    baremetal.ok(*rule, "unset", uuid, "--description")
    (listed,) = baremetal.json(*rule, "list")
    assert (listed["uuid"], listed["description"]) == (uuid, None)
    baremetal.ok(*rule, "delete", uuid)
    assert baremetal.json(*rule, "list") == []


@pytest.mark.long
def test_the_command_line_allocates_nodes(url: str, baremetal: Baremetal) -> None:
    uuid = fake_node(url, "a1", "CUSTOM_A", resource_class="large")
    create = ("allocation", "create", "--resource-class", "large", "--wait", "60")
    made = baremetal.json(*create, "--name", "mine", "--trait", "CUSTOM_A", "--extra", "a=b")
    assert (made["state"], made["node_uuid"], made["traits"]) == ("active", uuid, ["CUSTOM_A"])
    baremetal.ok("allocation", "set", "mine", "--name", "ours")
    baremetal.ok("allocation", "unset", "ours", "--extra", "a")
    assert baremetal.json("allocation", "show", "ours")["extra"] == {}
    assert "no available nodes match" in baremetal.refused(*create, "--name", "second")
    (listed,) = baremetal.json("allocation", "list", "--node", "a1")
    assert (listed["name"], listed["state"]) == ("ours", "active")
    ApiClient(url).provision("a1", "active")
    ApiClient(url).wait_for_state("a1", "active", timeout_s=60)
    assert "the node is active" in baremetal.refused("allocation", "delete", "ours")
    baremetal.ok("allocation", "delete", "second")


@pytest.mark.long
def test_the_command_line_groups_ports(baremetal: Baremetal) -> None:
    node = baremetal.json("node", "create", "--driver", "fake-hardware")["uuid"]
    group = baremetal.json(
        *("port", "group", "create", "--node", node, "--name", "bond0", "--mode", "802.3ad"),
        *("--property", "miimon=100", "--address", "52:54:00:00:07:00"),
    )
    assert (group["mode"], group["properties"]) == ("802.3ad", {"miimon": 100})
    address = "52:54:00:00:07:01"
    port = baremetal.json("port", "create", address, "--node", node, "--port-group", group["uuid"])
    assert port["portgroup_uuid"] == group["uuid"]
    baremetal.ok("port", "group", "set", "bond0", "--unsupport-standalone-ports")
    baremetal.ok("port", "group", "unset", "bond0", "--address")
    shown = baremetal.json("port", "group", "show", "bond0")
    assert (shown["address"], shown["standalone_ports_supported"]) == (None, False)
    (listed,) = baremetal.json("port", "list", "--port-group", "bond0", "--fields", "address")
    assert list(listed.values()) == [address]
    assert "contains ports" in baremetal.refused("port", "group", "delete", "bond0")
    baremetal.ok("port", "unset", port["uuid"], "--port-group")
    baremetal.ok("port", "group", "delete", "bond0")
    baremetal.ok("node", "delete", node)


@pytest.mark.long
def test_the_command_line_keeps_volumes(baremetal: Baremetal) -> None:
    node = baremetal.json("node", "create", "--driver", "fake-hardware")["uuid"]
    baremetal.ok("node", "manage", node, "--wait", "60")
    baremetal.ok("node", "power", "off", node, "--power-timeout", "30")
    of_node = ("--node", node)
    connector = baremetal.json(
        *("volume", "connector", "create", *of_node),
        *("--type", "iqn", "--connector-id", "iqn.2010-10.org.openstack:a"),
    )["uuid"]
    baremetal.ok("volume", "connector", "set", connector, "--extra", "a=b", "--type", "ip")
    baremetal.ok("volume", "connector", "unset", connector, "--extra", "a")
    (listed,) = baremetal.json("volume", "connector", "list", *of_node, "--fields", "type", "extra")
    assert list(listed.values()) == ["ip", {}]
    target = baremetal.json(
        *("volume", "target", "create", *of_node, "--type", "iscsi", "--volume-id", "v"),
        *("--boot-index", "0", "--property", "auth_password=geheim"),
    )
    assert target["properties"] == {"auth_password": "******"}
    baremetal.ok("volume", "target", "set", target["uuid"], "--boot-index", "1")
    (listed,) = baremetal.json("volume", "target", "list", *of_node, "--fields", "boot_index")
    assert list(listed.values()) == [1]
    baremetal.ok("volume", "target", "delete", target["uuid"])
    baremetal.ok("volume", "connector", "delete", connector)
    baremetal.ok("node", "delete", node)


def test_the_command_line_logs_in_with_basic_authentication(tmp_path: Path) -> None:
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text("ann:" + bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode() + "\n")
    settings = {"auth_strategy": "http_basic", "htpasswd_file": str(htpasswd)}
    with controller_process(tmp_path, **settings) as url:
        known = {"OS_AUTH_TYPE": "http_basic", "OS_ENDPOINT": url, "OS_USERNAME": "ann"}
        right = Baremetal(environment(tmp_path, **known, OS_PASSWORD="pw"))
        assert {one["hosts"] for one in right.json("driver", "list")} == {"lab-1"}
        wrong = Baremetal(environment(tmp_path, **known, OS_PASSWORD="no"))
        assert "401" in wrong.refused("driver", "list")


def test_openstacksdk_takes_a_node_through_its_life(tmp_path: Path) -> None:
    with controller_process(tmp_path) as empty:
        done = subprocess.run(
            [CLIENT / "python", SESSION, empty],
            env=environment(tmp_path),
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("inventory").endswith("inspect it first")
    assert seen == {
        "drivers": HARDWARE_TYPES,
        "created": ["manageable", {"ipmi_password": "******"}],
        "port": ["52:54:00:00:01:01", True],
        "provided": "available",
        "updated": [{"image_source": "http://x"}, {"a": 1}],
        "power": True,
        "maintenance": "fan",
        "powered": "power on",
        "boot_device": {"boot_device": "disk", "persistent": True},
        "traits": ["CUSTOM_FAST"],
        "listed": ["sdk~1"],
        "empty": [[], [], [], [], []],
        "vifs": [["vif-1"], True, False],
        "left": [],
    }
