"""What a ramdisk posts of an inspection, and nodes that wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import delete, select

from controller.store.tables import Port
from tests.integration.running_controller import (
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until

MAC, SECOND_MAC = "52:54:00:00:00:01", "52:54:00:00:aa:02"
BMC = "192.0.2.10"


def inspection(mac: str = MAC, **changes: Any) -> dict[str, Any]:
    """What the real agent posted to the real Ironic, shortened."""
    inventory = {
        "interfaces": [
            {"name": "enp0s1", "mac_address": mac, "ipv4_address": "172.22.0.121"},
            {"name": "enp0s2", "mac_address": SECOND_MAC, "ipv4_address": None},
        ],
        "cpu": {"architecture": "x86_64", "count": 2, "flags": ["fpu"]},
        "disks": [{"name": "/dev/vda", "size": 8589934592}],
        "memory": {"total": 3054686208, "physical_mb": 3072},
        "bmc_address": None,
        "bmc_v6address": None,
        "boot": {"current_boot_mode": "uefi", "pxe_interface": mac},
        "hostname": "ipa-ramdisk",
    }
    return {
        "inventory": {**inventory, **changes.pop("inventory", {})},
        "root_disk": {"name": "/dev/vda", "size": 8589934592},
        "boot_interface": mac,
        "logs": "bG9ncw==",
        "error": None,
        **changes,
    }


@contextmanager
def inspecting(folder: Path, **settings: Any) -> Iterator[RunningController]:
    """Run a controller that has a ramdisk to boot."""
    for name in ("kernel", "ramdisk"):
        (folder / name).write_bytes(b"boot file")
    files = {"deploy_kernel": str(folder / "kernel"), "deploy_ramdisk": str(folder / "ramdisk")}
    with running_controller(folder, **files, **settings) as running:
        yield running


def enrol(controller: RunningController, name: str = "m1", **columns: Any) -> MachineBmc:
    values: dict[str, Any] = {"interfaces": {}, **columns}
    bmc = controller.enrol(name, values.pop("state", "manageable"), **values)
    bmc.machine.behaviour.inspection = inspection()
    return bmc


def without_ports(controller: RunningController) -> None:
    with controller.store.edit() as session:
        session.execute(delete(Port))


def ports(controller: RunningController) -> dict[str, bool]:
    with controller.store.read() as session:
        return {port.address: port.pxe_enabled for port in session.scalars(select(Port))}


def wait_for_state(controller: RunningController, state: str) -> None:
    wait_until(lambda: controller.node("m1").provision_state == state, 10, state)


def post(controller: RunningController, body: Any, version: str | None = None, **query: str) -> Any:
    headers = {"X-OpenStack-Ironic-API-Version": version} if version else {}
    url = f"{controller.url}/v1/continue_inspection"
    return requests.post(url, json=body, headers=headers, params=query, timeout=10)


def script(controller: RunningController, mac: str = "52:54:00:99:99:99") -> str:
    url = f"{controller.url}/boot/ipxe/script?mac={mac}&platform=pcbios"
    return requests.get(url, timeout=5).text
