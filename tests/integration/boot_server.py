"""The boot routes on a real web server with a real store, for tests that boot machines or fetch like them."""

import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.protocol.http_server.server import BoundedServer
from controller.api import errors
from controller.api.boot_files import boot_blueprint
from controller.api.boot_media import media_blueprint
from controller.api.image_files import image_blueprint
from controller.api.pools import bounds, pool_of, pools
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.sealed_rows import unlock
from controller.store.tables import Node, NodeEvent, Port
from controller.workflow.services import Services
from tests.integration.with_ramdisk import WITH_RAMDISK


def boot_key(node_uuid: str) -> str:
    """Return the name under which a test's node has kernel and ramdisk."""
    return f"key-of-{node_uuid}"[:36]


@dataclass(frozen=True, slots=True)
class BootServer:
    """A running server."""

    store: Store
    services: Services
    url: str
    choose_loader: Callable[[Collection[str]], None] = lambda _macs: None
    """Tells dnsmasq, where one runs."""

    def add_node(
        self,
        mac: str,
        *,
        state: str,
        target: str | None = None,
        name: str | None = None,
        **driver_info: str,
    ) -> str:
        """Add a node with one port and return its UUID."""
        identity = str(uuid.uuid4())
        with self.store.edit() as session:
            node = Node(
                uuid=identity,
                name=name,
                created_at=0.0,
                provision_state=state,
                driver="fake-hardware",
                driver_info=driver_info,
                driver_internal_info={"boot_target": target} if target else {},
                boot_key=boot_key(identity) if target else None,
            )
            session.add(node)
            session.flush()
            session.add(Port(uuid=str(uuid.uuid4()), node_id=node.id, address=mac, created_at=0.0))
        return identity

    def node(self, session: Session, node_uuid: str) -> Node:
        """Return a node's row."""
        return session.scalars(select(Node).where(Node.uuid == node_uuid)).one()

    def events(self, node_uuid: str, *, count: int, timeout_s: float = 10) -> list[NodeEvent]:
        """Wait until the node's history has ``count`` events, and return them."""
        end = time.monotonic() + timeout_s
        while True:
            with self.store.read() as session:
                query = select(NodeEvent).join(Node, Node.id == NodeEvent.node_id)
                found = list(session.scalars(query.where(Node.uuid == node_uuid)))
            if len(found) >= count or time.monotonic() > end:
                assert len(found) == count, [event.message for event in found]
                return found
            time.sleep(0.02)


@contextmanager
def boot_server(directory: Path, settings: Settings) -> Iterator[BootServer]:
    """Serve on the settings' address, in the network namespace of this thread; port 0 = a free one."""
    store = Store(f"sqlite:///{directory / 'boot.sqlite'}")
    migrate(store)
    unlock(store, directory / "secrets.key")
    app = Flask("boot")
    errors.install(app)
    services = Services(
        store=store,
        settings=settings,
        catalog=load_catalog(replace(settings, **dict[str, Any](WITH_RAMDISK))),
        wake=lambda: None,
        clock=time.time,
        hostname="test",
    )
    app.register_blueprint(boot_blueprint(services))
    app.register_blueprint(media_blueprint(services))
    app.register_blueprint(image_blueprint(services))
    server = BoundedServer(
        (settings.listen_host, settings.listen_port),
        app,
        pools=pools(settings),
        bounds=bounds(settings),
        route=pool_of,
        shutdown_timeout=1,
    )
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        host, port = server.bind_addr
        yield BootServer(store, services, f"http://{host}:{port}")
    finally:
        server.stop()
        thread.join()
        store.close()
