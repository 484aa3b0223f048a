"""The controller's API on a real database, without an engine: what the tests of the API stand on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from controller.api.app import create_app
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from controller.store.conductors import Serves, take_name
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.nodes import get_node
from controller.store.sealed_rows import unlock
from controller.store.tables import NODE, WORKFLOW, Work
from controller.workflow.services import Services
from controller.workflow.transition import enter_stage
from tests.integration.with_ramdisk import WITH_RAMDISK

LATEST = "1.115"


@dataclass
class Api:
    """A client of an application on a database of its own."""

    services: Services
    client: FlaskClient
    woken: list[int] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = LATEST,
        data: bytes | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> TestResponse:
        """Send a request; ``body`` as JSON, or ``data`` as it is."""
        named = {} if version is None else {"X-OpenStack-Ironic-API-Version": version}
        sent = data if data is not None else None if body is None else json.dumps(body)
        return self.client.open(
            path,
            method=method,
            data=sent,
            headers={**named, **headers},
            content_type="application/json",
        )

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send a request that must succeed; returns the document, ``None`` for an empty reply."""
        reply = self.call(method, path, body, **options)
        assert reply.status_code < 300, reply.get_data(as_text=True)
        return reply.get_json() if reply.data else None

    def error(self, status: int, method: str, path: str, body: Any = None, **options: Any) -> str:
        """Send a request that must fail with ``status``; returns the words of the fault."""
        reply = self.call(method, path, body, **options)
        assert reply.status_code == status, reply.get_data(as_text=True)
        fault = json.loads(reply.get_json()["error_message"])
        assert fault["faultcode"] == ("Server" if status >= 500 else "Client")
        assert fault["debuginfo"] is None
        words = fault["faultstring"]
        assert isinstance(words, str)
        return words

    def node(self, **values: Any) -> dict[str, Any]:
        """Create a node of the fake driver."""
        created = self.ok("POST", "/v1/nodes", {"driver": "fake-hardware"} | values)
        assert isinstance(created, dict)
        return created

    def set_work(self, ident: str, **columns: Any) -> None:
        """Write into the row of the node's workflow, which is there from then on."""
        with self.services.store.edit() as session:
            node = get_node(session, ident)
            work = node.work or Work(
                subject_kind=NODE,
                subject_id=node.id,
                lane=WORKFLOW,
                stage="deploy.step.watch",
                entered_at=1.0,
                started_at=1.0,
            )
            for name, value in columns.items():
                setattr(work, name, value)
            session.add(work)

    def set_row(self, ident: str, **columns: Any) -> None:
        """Write into the node's row what only the engine writes."""
        with self.services.store.edit() as session:
            node = get_node(session, ident)
            if "stage" in columns:
                enter_stage(self.services, node, columns.pop("stage"))
            for name, value in columns.items():
                setattr(node, name, value)


def make_services(directory: Path, woken: list[int], **settings: Any) -> Services:
    """Return services on an empty database: a fresh SQLite file, or ``database_url``."""
    store = Store(settings.get("database_url") or f"sqlite:///{directory / 'api.sqlite'}")
    migrate(store)
    unlock(store, directory / "secrets.key")
    wanted = Settings(**{"state_directory": str(directory), **WITH_RAMDISK, **settings})
    services = Services(
        store=store,
        settings=wanted,
        catalog=load_catalog(wanted),
        wake=lambda: woken.append(1),
        clock=store.clock,
        hostname="lab-1",
    )
    serves = Serves(hardware_types=sorted(services.catalog.types))
    take_name(store, "lab-1", "1", serves)
    return services


def make_api(directory: Path, **settings: Any) -> Api:
    """Return a client of a fresh application."""
    woken: list[int] = []
    services = make_services(directory, woken, **settings)
    return Api(services=services, client=create_app(services).test_client(), woken=woken)
