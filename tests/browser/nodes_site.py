"""A controller with a thousand nodes, put into its database past the API: failed ones, and such as mean harm to who looks at them."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from controller.store.database import Store
from controller.store.tables import NODE, WORKFLOW, Node, Work
from tests.integration.controller_process import controller_process

COUNT = 1000
WHY = "deploy: /dev/sda: 3 partitions in use (/dev/sda1 on /boot); unmount them or pass force"
HARM = "document.body.dataset.harmed = 1"
HARMFUL = f"<img src=x onerror='{HARM}'><script>{HARM}</script>&lt;b&gt;\"'"
RIGHT_TO_LEFT = "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd"
LONG = "x" * 2048 + " a word " * 256
_USUAL: dict[str, Any] = {
    "maintenance": False,
    "maintenance_reason": None,
    "health": None,
    "last_error": None,
    "progress": None,
    "provision_state": "available",
    "target_provision_state": None,
    "power_state": "power off",
    "driver": "fake-hardware",
    "driver_internal_info": {},
    "console_enabled": False,
}
_RECEIPT = {
    "image": "http://192.0.2.10/images/debian-12-generic-amd64.qcow2",
    "disk": "/dev/nvme0n1",
    "verified": "all",
    "digest": "sha256:" + "7e75f1b6" * 8,
    "content_bytes": 2 << 30,
    "seconds": 12.5,
}
_PROGRESS = {
    "step": "write_image",
    "phase": "writing",
    "bytes_done": 3 << 30,
    "bytes_total": 10 << 30,
    "rate_bytes_per_s": 400e6,
    "time_left_s": 19,
}
_ODD: tuple[dict[str, Any], ...] = (
    {"name": "failed", "provision_state": "deploy failed", "last_error": WHY},
    {"name": HARMFUL, "provision_state": "clean failed", "last_error": HARMFUL},
    {"name": RIGHT_TO_LEFT, "provision_state": "error", "last_error": RIGHT_TO_LEFT},
    {"name": "n" * 255, "provision_state": "inspect failed", "last_error": LONG},
    {"name": "kept", "maintenance": True, "maintenance_reason": HARMFUL},
    {"name": "ill", "provision_state": "active", "health": "Critical"},
    {"name": None, "provision_state": "enroll", "power_state": None},
    {
        "name": "written",
        "provision_state": "active",
        "power_state": "power on",
        "console_enabled": True,
        "driver_internal_info": {"image_receipt": _RECEIPT},
    },
    {
        "name": "busy",
        "provision_state": "deploying",
        "target_provision_state": "active",
        "power_state": "power on",
        "progress": _PROGRESS,
    },
)


class Nodes:
    """Where the nodes are served, and their rows."""

    def __init__(self, url: str, store: Store) -> None:
        self.url, self._store = url, store

    def change(self, name: str, **columns: object) -> None:
        """Change one."""
        with self._store.edit() as session:
            session.execute(update(Node).where(Node.name == name).values(**columns))

    def fill(self) -> None:
        """Make all of them; the one that is busy stays so, because nobody works at it."""
        plain = ({"name": f"rack{n // 40}-{n % 40}"} for n in range(COUNT - len(_ODD)))
        rows = [
            {**_USUAL, "id": n, "uuid": str(uuid.UUID(int=n)), "created_at": time.time(), **one}
            for n, one in enumerate((*_ODD, *plain), 1)
        ]
        work = {
            "subject_kind": NODE,
            "subject_id": next(row["id"] for row in rows if row["name"] == "busy"),
            "lane": WORKFLOW,
            "stage": "deploy.write_image",
            "entered_at": self._store.steady(),
            "started_at": time.time(),
        }
        with self._store.edit() as session:
            session.execute(insert(Node), rows)
            session.execute(insert(Work), [work])


@contextmanager
def nodes_site(folder: Path) -> Iterator[Nodes]:
    """Run it."""
    with controller_process(folder) as url:
        store = Store(f"sqlite:///{folder}/state/ingot.sqlite")
        try:
            nodes = Nodes(url, store)
            nodes.fill()
            yield nodes
        finally:
            store.close()
