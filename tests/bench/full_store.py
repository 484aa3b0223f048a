"""A database full of nodes with large inventories and config drives, some of them with bad machines."""

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert

from controller.hardware.steps import Kind, planned
from controller.store.database import Store
from controller.store.node_documents import NodeConfigDrive, NodeInventory
from controller.store.tables import BACKGROUND, NODE, WORKFLOW, Node, Work
from controller.workflow.steps.core_steps import DIRECT_DEPLOY_STEPS
from controller.workflow.steps.course import Course

DEAD, BAD_AGENTS, BAD_IMAGES = 200, 50, 20
_INVENTORY = {
    "inventory": {"disks": [{"name": f"/dev/sd{n}", "wwn": "x" * 60} for n in range(200)]}
}
_CONFIG_DRIVE = "x" * 60_000


def kind_of(number: int) -> str:
    """Return what is wrong with the machine of a node."""
    ends = (DEAD, DEAD + BAD_AGENTS, DEAD + BAD_AGENTS + BAD_IMAGES)
    names = ("dead", "bad agent", "bad image")
    return next((name for name, end in zip(names, ends, strict=True) if number < end), "well")


def node_values(number: int, kind: str, drip_port: int) -> dict[str, Any]:
    """Return the columns of a node."""
    url = f"http://127.0.0.1:{drip_port}"
    is_deploying = kind == "bad agent"
    image = {"image_source": f"{url}/i.qcow2", "image_os_hash_algo": "sha256"}
    return {
        "uuid": str(uuid.uuid4()),
        "name": f"n{number}",
        "created_at": 1.0,
        "provision_state": {"bad agent": "wait call-back", "bad image": "available"}.get(
            kind, "active"
        ),
        "target_provision_state": "active" if is_deploying else None,
        "power_state": "power off",
        "driver": "fake-hardware",
        "driver_info": {"id": str(number), "kind": "dead" if kind == "dead" else "well"},
        "driver_internal_info": {"agent_url": url} if is_deploying else {},
        "agent_secret": "token" if is_deploying else None,
        "instance_info": {**image, "image_os_hash_value": "0" * 64},
        "interfaces": {"boot": "fake"},
    }


def fill(store: Store, count: int, drip_port: int, kinds: Callable[[int], str]) -> None:
    """Write nodes and their work into an empty database; everything is due."""
    now = store.steady()
    order = {"name": "deploy.execute_deploy_step", "title": "write_image", "seen": [], "id": "1"}
    course = Course(kind=Kind.DEPLOY, steps=(planned(DIRECT_DEPLOY_STEPS[1]),), index=0)
    data = {"order": order, **course.data()}
    for begin in range(0, count, 500):
        numbers = range(begin, min(begin + 500, count))
        with store.edit() as session:
            values = [node_values(number, kinds(number), drip_port) for number in numbers]
            session.execute(
                insert(Node), [{**one, "id": n + 1} for n, one in zip(numbers, values, strict=True)]
            )
            documents = [{"node_id": n + 1, "document": _INVENTORY} for n in numbers]
            session.execute(insert(NodeInventory), documents)
            drives = [{"node_id": n + 1, "content": _CONFIG_DRIVE} for n in numbers]
            session.execute(insert(NodeConfigDrive), drives)
            common = {"subject_kind": NODE, "entered_at": now, "started_at": now, "due_at": now}
            looks = [
                {
                    **common,
                    "subject_id": n + 1,
                    "lane": BACKGROUND,
                    "stage": "sync.power",
                    "data": {},
                }
                for n in numbers
            ]
            steps = [
                {
                    **common,
                    "subject_id": n + 1,
                    "lane": WORKFLOW,
                    "stage": "deploy.step.watch",
                    "data": data,
                }
                for n in numbers
                if kinds(n) == "bad agent"
            ]
            session.execute(insert(Work), looks + steps)
