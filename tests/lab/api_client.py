"""A small client of the controller's REST API, for tests and the demonstration; speaks Ironic's API and nothing else."""

import json
import time
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.lab.errors import LabError

_VERSION = "1.95"
_REQUEST_TIMEOUT_S = 60
_POLL_S = 0.2
_AGAIN = Retry(total=1, connect=0, read=1, redirect=0, status=0, allowed_methods={"GET"})
"""A server may close a connection that rests in the moment in which it is used again."""

Document = dict[str, Any]


class ApiClient:
    """Talks to one controller; ``url`` without ``/v1``. Call it where the URL can be reached (``network.inside()``)."""

    def __init__(
        self,
        url: str,
        *,
        credentials: tuple[str, str] | None = None,
        version: str = _VERSION,
    ) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = credentials
        self._session.mount("http://", HTTPAdapter(max_retries=_AGAIN))
        self._session.headers["X-OpenStack-Ironic-API-Version"] = version

    def call(self, method: str, path: str, body: object = None, *, ok: int = 200) -> Any:
        """Send one request and return the decoded answer, ``None`` for an empty one.

        Raises:
            LabError: The status is not ``ok``; the message carries the answer.
        """
        status, answer = self.ask(method, path, body)
        if status != ok:
            raise LabError(
                f"{method} {path}: {status} instead of {ok}: {json.dumps(answer)[:2000]}"
            )
        return answer

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send one request; return the status and the decoded answer, ``None`` for an empty one."""
        answer = self._session.request(
            method, f"{self.url}{path}", json=body, timeout=_REQUEST_TIMEOUT_S
        )
        is_json = "json" in answer.headers.get("Content-Type", "")
        found = answer.json() if answer.content and is_json else answer.text or None
        return answer.status_code, found

    def create_node(self, document: Document, *, macs: tuple[str, ...]) -> Document:
        """Create a node with its ports and return the node."""
        node: Document = self.call("POST", "/v1/nodes", document, ok=201)
        for mac in macs:
            self.call("POST", "/v1/ports", {"node_uuid": node["uuid"], "address": mac}, ok=201)
        return node

    def node(self, ident: str) -> Document:
        """Return a node."""
        node: Document = self.call("GET", f"/v1/nodes/{ident}")
        return node

    def set_instance(self, ident: str, **instance_info: object) -> None:
        """Put values into the node's ``instance_info``."""
        patch = [
            {"op": "add", "path": f"/instance_info/{key}", "value": value}
            for key, value in instance_info.items()
        ]
        self.call("PATCH", f"/v1/nodes/{ident}", patch)

    def set_image(self, ident: str, url: str, sha256: str, **more: object) -> None:
        """Have the node get an image when it is deployed; ``more`` goes into its ``instance_info``, too."""
        self.set_instance(
            ident,
            image_source=url,
            image_os_hash_algo="sha256",
            image_os_hash_value=sha256,
            **more,
        )

    def provision(self, ident: str, target: str, **more: object) -> None:
        """Ask for a provision verb; returns at once."""
        self.call("PUT", f"/v1/nodes/{ident}/states/provision", {"target": target, **more}, ok=202)

    def wait_for_state(
        self,
        ident: str,
        state: str,
        *,
        timeout_s: float,
        on_look: Callable[[Document], None] = lambda _: None,
    ) -> Document:
        """Wait until the node rests in ``state`` and return it; ``on_look`` sees every look in between.

        Raises:
            LabError: The node rests in another state (its ``last_error`` is in the message), or time ran out.
        """
        node = self.wait_for_rest(ident, timeout_s=timeout_s, on_look=on_look)
        if node["provision_state"] != state:
            raise LabError(
                f"node {ident} is {node['provision_state']!r}, not {state!r}: {node['last_error']}"
            )
        return node

    def wait_for_rest(
        self, ident: str, *, timeout_s: float, on_look: Callable[[Document], None] = lambda _: None
    ) -> Document:
        """Wait until the node rests: in a stable state or in a failed one; return it.

        Raises:
            LabError: Time ran out.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            node = self.node(ident)
            on_look(node)
            state = node["provision_state"]
            if state.endswith(" failed") or state == "error" or not node["target_provision_state"]:
                return node
            if time.monotonic() > deadline:
                raise LabError(
                    f"node {ident} is still {state!r} after {timeout_s:g} s; power "
                    f"{node['power_state']!r}, last_error {node['last_error']!r}"
                )
            time.sleep(_POLL_S)

    def wait_until(
        self,
        ident: str,
        condition: Callable[[Document], bool],
        *,
        timeout_s: float,
        failed_too: bool = False,
    ) -> Document:
        """Wait until ``condition`` holds for the node and return it; ``failed_too``: also for a failed one.

        Raises:
            LabError: Time ran out, or the node failed before.
        """
        deadline = time.monotonic() + timeout_s
        while not condition(node := self.node(ident)):
            has_failed = node["provision_state"].endswith(" failed") and not failed_too
            if has_failed or time.monotonic() > deadline:
                raise LabError(
                    f"node {ident} is {node['provision_state']!r} and not as wanted: {node['last_error']}"
                )
            time.sleep(_POLL_S)
        return node

    def history(self, ident: str) -> list[Document]:
        """Return the node's history with details, oldest first."""
        events: list[Document] = self.call("GET", f"/v1/nodes/{ident}/history?detail=true")[
            "history"
        ]
        return sorted(events, key=lambda event: str(event["created_at"]))
