"""The controller's whole API under odd requests, in this process, on SQLite."""

import json
import random
from pathlib import Path
from typing import Any

import bcrypt
from flask.testing import FlaskClient

from controller.api.app import create_app
from controller.api.nodes.fields import NODES
from controller.api.routes import RESOURCES, ROUTES
from controller.errors import NotFound
from controller.store.nodes import get_node
from controller.web.page import web_blueprint
from tests.fuzz.web_requests import ODD_TEXTS, Generator, Target, WebRequest, fault_of, send
from tests.integration.controller_api import make_services

SECRET, TOKEN = "s3cr3t-of-the-bmc", "t0ken-of-the-agent-0123456789abcdef"
_NODE = "11111111-2222-4333-8444-555555555555"
_NAMES = (_NODE, "node-1", "node-2", "node-3", "52:54:00:00:00:01", "fake-hardware", "lab-1")
_VERBS = ("manage", "provide", "active", "deleted", "rebuild", "inspect", "abort", "clean", "adopt")
_STATES = ("enroll", "manageable", "available", "active", "clean wait", "deploy failed")
_IMAGE = {"image_source": "http://127.0.0.1:1/image", "image_checksum": "0" * 64}
_NODE_VALUES: dict[str, Any] = {
    "driver": "fake-hardware",
    "driver_info": {"fake_address": "x", "deploy_kernel": "http://127.0.0.1:1/k"},
    "properties": {"cpus": 4, "capabilities": "boot_mode:uefi", "root_device": {"size": "> 10"}},
    "instance_info": {**_IMAGE, "capabilities": {"a": "b"}, "traits": ["CUSTOM_A"]},
    "extra": {"a": [1, 2, {"b": None}]},
    "network_data": {"links": [], "networks": [], "services": []},
    "instance_uuid": _NODE,
    "uuid": _NODE,
}
_INVENTORY = {
    "interfaces": [{"name": "eth0", "mac_address": "52:54:00:00:00:01", "lldp": [[1, "04"]]}],
    "cpu": {"count": 4, "architecture": "x86_64", "flags": ["vmx"]},
    "memory": {"total": 2**33, "physical_mb": 8192},
    "disks": [{"name": "/dev/sda", "size": 10**12, "wwn": "0x1", "rotational": False}],
    "system_vendor": {"product_name": "x", "serial_number": "1"},
    "boot": {"current_boot_mode": "uefi", "pxe_interface": "52:54:00:00:00:01"},
    "hostname": "h",
    "bmc_address": "192.0.2.5",
    "bmc_v6address": "::1",
}
_STEPS = [{"interface": "deploy", "step": "erase_devices", "args": {}, "priority": 10}]
_BODIES: dict[str, list[Any]] = {
    "PUT provision": [
        *({"target": verb} for verb in _VERBS),
        {"target": "clean", "clean_steps": _STEPS, "disable_ramdisk": False},
        {"target": "active", "configdrive": {"meta_data": {"a": 1}, "user_data": "#!/bin/sh"}},
        {"target": "active", "configdrive": "QUJD", "deploy_steps": _STEPS},
        {"target": "rescue", "rescue_password": "x"},
    ],
    "PUT power": [{"target": "power on", "timeout": 10}, {"target": "soft rebooting"}],
    "PUT boot_device": [{"boot_device": "pxe", "persistent": True}],
    "PUT maintenance": [{"reason": "x"}],
    "PUT traits": [{"traits": ["CUSTOM_A", "HW_CPU_X86_VMX"]}],
    "POST vifs": [{"id": _NODE}],
    "PUT raid": [{"logical_disks": [{"size_gb": 100, "raid_level": "1"}]}],
    "POST ports": [
        {
            "node_uuid": _NODE,
            "address": "52:54:00:00:00:02",
            "pxe_enabled": True,
            "local_link_connection": {"switch_id": "52:54:00:00:00:03", "port_id": "1"},
            "extra": {},
        }
    ],
    "POST portgroups": [{"node_uuid": _NODE, "name": "bond", "properties": {"miimon": 100}}],
    "POST connectors": [{"node_uuid": _NODE, "type": "ip", "connector_id": "192.0.2.1"}],
    "POST targets": [
        {
            "node_uuid": _NODE,
            "volume_type": "iscsi",
            "volume_id": "x",
            "boot_index": 0,
            "properties": {"auth_password": "x"},
        }
    ],
    "POST heartbeat": [
        {
            "callback_url": "https://192.0.2.7:9999",
            "agent_token": "x" * 43,
            "agent_version": "1.0",
            "agent_verify_ca": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----",
            "agent_status": "start",
            "agent_status_message": "x",
        }
    ],
    "POST continue_inspection": [
        {"inventory": _INVENTORY, "plugin_data": {"a": 1}, "error": None, "boot_interface": "x"}
    ],
}


def targets() -> list[Target]:
    """Return every route with examples, from the route table and the tables of fields."""
    nodes = NODES.patchable()
    settable = {one.key: one.settable() for one in (*RESOURCES, NODES)}
    found = []
    for route in ROUTES:
        path = "/".join("{}" if part.startswith("<") else part for part in route.path.split("/"))
        last = next(part for part in reversed(path.split("/")) if part != "{}")
        bodies = _BODIES.get(f"{route.method} {last}", [])
        if route.method == "PATCH":
            bodies = _patches(list(settable.get(last, ("extra",))))
        elif (route.method, last) == ("POST", "nodes"):
            bodies = [{"driver": "fake-hardware", name: _value(name)} for name in nodes]
            bodies += [{"driver": "fake-hardware", "name": f"more-{n}"} for n in range(100)]
        queries: list[dict[str, str]] = [{}]
        if route.method == "GET":
            queries += [{"fields": name} for name in NODES.by_name] if last == "nodes" else []
            queries += [{"limit": "2", "sort_key": "created_at", "sort_dir": "desc"}]
            queries += [{"addresses": "52:54:00:00:00:01", "node_uuid": _NODE}]
            queries += [{"detail": "true", "marker": _NODE, "provision_state": "enroll"}]
        found.append(
            Target(method=route.method, path=path, idents=_NAMES, bodies=bodies, queries=queries)
        )
    script = {"mac": "52:54:00:00:00:01", "platform": "efi", "uuid": _NODE}
    files = ("k", "index.html", "snponly.efi", f"{'x' * 5000}.efi", "link", *ODD_TEXTS)
    return [
        *found,
        *(
            Target(method="GET", path=path, idents=_NAMES, queries=[script])
            for path in ("/boot/ipxe", "/boot/ipxe/script", "/boot/kernel/{}", "/boot/ramdisk/{}")
        ),
        *(
            Target(method="GET", path=path, idents=files)
            for path in ("/boot/ipxe/{}", "/images/{}", "/images/a/{}", "/ui/{}", "/{}", "/v1/{}")
        ),
    ]


def _value(name: str) -> Any:
    return _NODE_VALUES.get(name, "x")


def _patches(names: list[str]) -> list[Any]:
    return [
        [{"op": op, "path": f"/{name}{below}", "value": _value(name), "from": "/extra"}]
        for name in names
        for op in ("add", "replace", "remove", "test", "move", "copy")
        for below in ("", "/a", "/-", "/0", "/~1~2")
    ]


def headers(rnd: random.Random) -> dict[str, str]:
    """Return headers, mostly good ones."""
    odd = [text.encode("utf-8", "replace").decode("latin-1") for text in ODD_TEXTS[:34]]
    found = {
        "Authorization": "Basic ZnV6ejpmdXp6",
        "Content-Type": "application/json",
        "X-OpenStack-Ironic-API-Version": f"1.{rnd.choice((1, 22, 50, 84, 95, 115))}",
        "Host": "localhost:6385",
    }
    if rnd.random() < 0.1:
        others = (
            "Authorization",
            "Accept",
            "Range",
            "If-None-Match",
            "Origin",
            "OpenStack-API-Version",
        )
        name = rnd.choice((*found, *others, "If-Range", "If-Modified-Since", "Transfer-Encoding"))
        found[name] = rnd.choice(
            (*odd, "Basic \xe4", "Basic YTpi", "bytes=0-", "bytes=9-1,-5", "1.99999")
        )
    return found


class ControllerFuzz:
    """An application with a few nodes, and what it answered wrong."""

    def __init__(
        self, directory: Path, seed: int, *, has_users: bool = False, database_url: str = ""
    ) -> None:
        """Make the application in an empty directory; ``has_users`` = people must log in."""
        settings: dict[str, Any] = {"database_url": database_url}
        if has_users:
            users = directory / "users"
            hashed = bcrypt.hashpw(b"fuzz", bcrypt.gensalt(rounds=4)).decode()
            users.write_text(f"fuzz:{hashed}\n")
            settings |= {"auth_strategy": "http_basic", "htpasswd_file": str(users)}
        self._images = images = directory / "images"
        images.mkdir()
        (images / "k").write_bytes(b"kernel" * 1000)
        (images / "link").symlink_to("link")
        self._random = random.Random(seed)
        services = make_services(
            directory,
            [],
            image_directory=str(images),
            verb_patience_s=0.01,
            image_check_timeout_s=0.5,
            **settings,
        )
        self.store = services.store
        self._app = create_app(services)
        self._app.register_blueprint(web_blueprint())
        self._generator = Generator(seed, targets(), headers)
        self.statuses: dict[int, int] = {}

    def step(self) -> tuple[WebRequest, str | None]:
        """Send one request; return it and what is wrong with its answer."""
        if self._random.random() < 0.02:
            self._reset_nodes()
        request = self._generator.request()
        answer = send(self._app, request)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return request, fault_of(answer, request, (SECRET.encode(), TOKEN.encode()))

    def client(self) -> FlaskClient:
        """Return a client for requests of one's own."""
        return self._app.test_client()

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def _reset_nodes(self) -> None:
        """Have nodes to ask for, with secrets, in some state."""
        for number in (1, 2, 3):
            uuid = _NODE if number == 1 else None
            body = {"driver": "fake-hardware", "name": f"node-{number}"}
            body |= {"uuid": uuid} if uuid else {}
            version = headers(random.Random(0)) | {"X-OpenStack-Ironic-API-Version": "1.95"}
            send(self._app, _json("POST", "/v1/nodes", body, version))
            port = {"node_uuid": _NODE, "address": "52:54:00:00:00:01"}
            send(self._app, _json("POST", "/v1/ports", port, version))
            try:
                with self.store.edit() as session:
                    node = get_node(session, f"node-{number}")
                    node.provision_state = self._random.choice(_STATES)
                    node.driver = "fake-hardware"
                    kernel = self._random.choice(
                        ("/link", f"/{'x' * 5000}", "/k", "k", "http://[::1")
                    )
                    node.driver_info = {
                        "ipmi_password": SECRET,
                        "fake_password": SECRET,
                        "deploy_kernel": f"{self._images}{kernel}",
                    }
                    node.driver_internal_info = {"agent_secret_token": TOKEN}
            except NotFound:  # renamed or deleted
                continue


def _json(method: str, path: str, body: Any, head: dict[str, str]) -> WebRequest:
    return WebRequest(
        method=method, path=path.encode(), headers=head, body=json.dumps(body).encode()
    )
