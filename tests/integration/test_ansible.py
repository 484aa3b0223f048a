"""The modules of Ansible's ``openstack.cloud``, unmodified, against our controller and real Ironic: task for task the same comes of it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bench.servers.start import has_real_ironic, real_ironic
from tests.integration.controller_process import controller_process
from tests.integration.faked_nodes import AS_SHIPPED, IRONIC_ALL_FAKE

ANSIBLE = Path(__file__).resolve().parents[2] / "build/peers/ansible"
PLAYBOOK = Path(__file__).resolve().parents[1] / "data/ansible/bare-metal.yaml"
UNCHANGED = {
    *("facts", "list", "stranger", "port_again", "port_facts", "ports"),
    *("template_again", "deploy_again", "delete_again", "refused"),
}

pytestmark = [
    pytest.mark.interop,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not ANSIBLE.exists(), reason="make build/stamps/peer-ansible"),
    pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic"),
]

Tasks = dict[str, dict[str, Any]]


def played(url: str, folder: Path) -> Tasks:
    found = folder / "found.json"
    done = subprocess.run(
        [
            *(ANSIBLE / "bin/ansible-playbook", "--inventory", "localhost,"),
            *("--extra-vars", f"url={url}", "--extra-vars", f"found={found}", PLAYBOOK),
        ],
        env={
            "PATH": f"{ANSIBLE}/bin:{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ANSIBLE / "collections"),
            "ANSIBLE_PYTHON_INTERPRETER": str(ANSIBLE / "bin/python"),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert found.exists(), (done.stdout + done.stderr)[-4000:]
    tasks: Tasks = json.loads(found.read_text())
    return tasks


def outlines(tasks: Tasks) -> dict[str, list[object]]:
    """Return of each task: whether it changed something, whether it failed, and what it tells of."""
    return {
        name: [one["changed"], one["failed"], sorted(one.keys() - {"warnings"})]
        for name, one in tasks.items()
    }


def test_every_task_of_the_playbook_ends_as_with_real_ironic(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    with controller_process(tmp_path / "ours", **AS_SHIPPED) as url:
        ours = played(url, tmp_path / "ours")
    with real_ironic(tmp_path / "theirs", options=IRONIC_ALL_FAKE) as server:
        theirs = played(server.url, tmp_path / "theirs")
    assert outlines(ours) == outlines(theirs)
    assert {name for name, one in ours.items() if one["failed"]} == {"refused"}
    assert {name for name, one in ours.items() if not one["changed"]} == UNCHANGED
    (node,) = ours["facts"]["nodes"]
    assert (node["name"], node["resource_class"]) == ("ansible-1", "big")
    assert node["driver_info"] == {"fake_password": "******"}
    assert 'action "deleted" can not be performed' in ours["refused"]["msg"]
