"""Nova's own ``IronicDriver``, unmodified, against our controller and against real Ironic: call for call the same comes of it."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bench.servers.start import has_real_ironic, real_ironic
from tests.integration.controller_process import controller_process
from tests.integration.faked_nodes import AS_SHIPPED, IRONIC_ALL_FAKE, available_node
from tests.lab.api_client import ApiClient

NOVA = Path(__file__).resolve().parents[2] / "build/peers/nova"
SESSION = Path(__file__).with_name("nova_driver_session.py")
MACHINE = {"cpu_arch": "x86_64", "cpus": 4, "memory_mb": 1024, "local_gb": 10}
TRAIT = "CUSTOM_FAST"
RAISES = {
    "prepare_for_spawn, taken": "ComputeResourcesUnavailable",
    "get_serial_console": "ConsoleTypeUnavailable",  # the fake console is none of socat's
    "get_vnc_console": "KeyError",  # and it tells no type, in real Ironic as here
}
ONLY_OURS = ("trigger_crash_dump", "rebuild", "rebuild, ephemeral kept")
"""Ironic's fake management has no NMI, and its rebuild may end with an error of its server (500: auto_lessee)."""

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not NOVA.exists(), reason="make build/stamps/peer-nova"),
    pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic"),
]

Outcomes = dict[str, dict[str, Any]]


def driven(url: str, folder: Path) -> Outcomes:
    client = ApiClient(url)
    nodes = []
    for number in (1, 2):
        name = f"metal-{number}"
        more = {"resource_class": "metal", "properties": MACHINE}
        nodes.append(available_node(client, name, f"52:54:00:77:00:{number:02x}", **more))
        client.call("PUT", f"/v1/nodes/{name}/traits", {"traits": [TRAIT]}, ok=204)
    done = subprocess.run(
        [NOVA / "bin/python", SESSION, url, *nodes],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Outcomes = json.loads(done.stdout)
    (folder / "found.json").write_text(json.dumps(found, indent=1))
    return found


def without_words(found: Outcomes) -> Outcomes:
    """Leave out what an error says: the words are each service's own."""
    return {
        name: {key: value for key, value in one.items() if key != "words"}
        for name, one in found.items()
        if name not in ONLY_OURS
    }


def test_every_call_of_novas_driver_ends_as_with_real_ironic(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    with controller_process(tmp_path / "ours", **AS_SHIPPED) as url:
        ours = driven(url, tmp_path / "ours")
    with real_ironic(tmp_path / "theirs", options=IRONIC_ALL_FAKE) as server:
        theirs = driven(server.url, tmp_path / "theirs")
    assert without_words(ours) == without_words(theirs)
    assert all(ours[name] == {"gives": None} for name in ONLY_OURS), ours
    raised = {name: one["raises"] for name, one in ours.items() if "raises" in one}
    assert raised == RAISES, json.dumps(ours, indent=1)
    assert re.search("not available", ours["prepare_for_spawn, taken"]["words"])
    assert (ours["get_info, off"]["gives"], ours["instance_exists, after"]["gives"]) == (4, False)
