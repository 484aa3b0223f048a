"""The REST API as the command line needs it. Ironic's API; what is ours beyond it is looked for and may be missing."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError

from controller.client.errors import Refused, Unreachable

Document = dict[str, Any]
_TIMEOUT_S = 60.0
_VERSION = {"X-OpenStack-Ironic-API-Version": "latest"}
_UNAUTHORIZED, _NOT_FOUND = 401, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the controller is and how it is talked to; ``url`` without ``/v1``.

    ``ca_file`` = ``None``: the system's authorities; ``is_insecure``: certificates are not checked.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    is_insecure: bool = False


class Api:
    """Requests to one controller."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._url = endpoint.url.rstrip("/").removesuffix("/v1")
        self._session = requests.Session()
        self._session.headers.update(_VERSION)
        self._session.verify = False if endpoint.is_insecure else endpoint.ca_file or True
        if endpoint.token:
            self._session.headers["X-Auth-Token"] = endpoint.token
        if endpoint.username is not None:
            self._session.auth = (endpoint.username, endpoint.password or "")

    def again(self) -> "Api":
        """Return the same for another thread."""
        return Api(self._endpoint)

    def nodes(self) -> list[Document]:
        """Return all nodes with all of their fields."""
        return self._pages("/v1/nodes/detail", "nodes")

    def node(self, ident: str) -> Document:
        """Return a node by UUID or name."""
        found: Document = self._ask("GET", f"/v1/nodes/{ident}")
        return found

    def history(self, ident: str) -> list[Document]:
        """Return everything that happened to a node, with details, oldest first."""
        return self._pages(f"/v1/nodes/{ident}/history?detail=true", "history")

    def certificates(self, ident: str) -> list[Document]:
        """Return the sanitization certificates of a node in short, newest first."""
        found: list[Document] = self._ask("GET", f"/v1/nodes/{ident}/certificates")["certificates"]
        return found

    def certificate(self, ident: str, name: str) -> Document:
        """Return a certificate with its signature."""
        found: Document = self._ask("GET", f"/v1/nodes/{ident}/certificates/{name}")
        return found

    def sensors(self, ident: str, *, is_new: bool = False) -> Document:
        """Return what the sensors of a node say; ``is_new``: the BMC is asked in any case."""
        found: Document = self._ask("GET", f"/v1/nodes/{ident}/sensors?now={str(is_new).lower()}")
        return found

    def bmc_log(self, ident: str, most: int) -> Document:
        """Return the newest entries of the log that a node's BMC keeps."""
        found: Document = self._ask("GET", f"/v1/nodes/{ident}/bmc_log?limit={most}")
        return found

    def clear_bmc_log(self, ident: str) -> None:
        """Empty that log."""
        self._ask("DELETE", f"/v1/nodes/{ident}/bmc_log")

    def certificate_page(self, ident: str, name: str) -> str:
        """Return a certificate as an HTML page."""
        path = f"{self._url}/v1/nodes/{ident}/certificates/{name}/page"
        return self._reply("GET", path).text

    def certificate_keys(self) -> list[Document]:
        """Return the public keys that the controller signs certificates with."""
        found: list[Document] = self._ask("GET", "/v1/certificate_keys")["keys"]
        return found

    def set_instance(self, ident: str, values: Mapping[str, Any], unset: tuple[str, ...]) -> None:
        """Set keys of ``instance_info`` and remove those of ``unset`` that are there."""
        there = self.node(ident).get("instance_info") or {}
        patch: list[Document] = [
            {"op": "add", "path": f"/instance_info/{key}", "value": value}
            for key, value in values.items()
        ]
        patch += [
            {"op": "remove", "path": f"/instance_info/{key}"} for key in unset if key in there
        ]
        self._ask("PATCH", f"/v1/nodes/{ident}", patch)

    def provision(self, ident: str, target: str, **arguments: Any) -> None:
        """Ask for a provision verb; the controller goes on by itself."""
        body = {"target": target, **arguments}
        self._ask("PUT", f"/v1/nodes/{ident}/states/provision", body)

    def set_raid(self, ident: str, wanted: Document) -> None:
        """Say which logical disks the node shall have."""
        self._ask("PUT", f"/v1/nodes/{ident}/states/raid", wanted)

    def switch_console(self, ident: str, *, is_on: bool) -> None:
        """Switch a node's console on or off."""
        self._ask("PUT", f"/v1/nodes/{ident}/states/console", {"enabled": is_on})

    def console(self, ident: str) -> Document:
        """Return how it stands with a node's console."""
        found: Document = self._ask("GET", f"/v1/nodes/{ident}/console")
        return found

    def screen_address(self, ident: str, *, is_watched: bool) -> str:
        """Return where a graphical console is seen, with the word that opens it; empty = the console is a serial line, or off."""
        query = "?watch=true" if is_watched else ""
        found = self._ask("GET", f"/v1/nodes/{ident}/states/console{query}")["console_info"] or {}
        return str(found.get("url", "")) if found.get("type") == "vnc" else ""

    def console_log(self, ident: str) -> bytes:
        """Return what is stored of what the console has shown."""
        return self._reply("GET", f"{self._url}/v1/nodes/{ident}/console/log").content

    def console_pieces(self, ident: str, since: str) -> Iterator[bytes]:
        """Follow the console's event stream, piece by piece; it is silent for 15 seconds at most.

        Raises:
            Unreachable: The connection broke.
            Refused: It cannot be followed.
        """
        yield from self._stream(f"{self._url}/v1/nodes/{ident}/console/output?since={since}")

    def notifications(self, query: Mapping[str, str]) -> list[Document]:
        """Return what is stored of what happened, oldest first."""
        return self._pages(f"/v1/notifications?{urlencode(query)}", "notifications")

    def notification_pieces(self, query: Mapping[str, str]) -> Iterator[bytes]:
        """Follow what happens, piece by piece, as :meth:`console_pieces`."""
        yield from self._stream(f"{self._url}/v1/notifications/stream?{urlencode(query)}")

    def _stream(self, url: str) -> Iterator[bytes]:
        reply = self._reply("GET", url, stream=True)
        try:
            yield from reply.raw.stream(decode_content=False)
        except (HTTPError, OSError) as error:
            raise Unreachable(f"the connection to {self._url} broke: {error}") from error
        finally:
            reply.close()

    def take_keyboard(self, ident: str, *, force: bool) -> str:
        """Return the word by which the console is typed on."""
        path = f"/v1/nodes/{ident}/console/keyboard"
        word: str = self._ask("PUT", path, {"force": force})["keyboard"]
        return word

    def leave_keyboard(self, ident: str, keyboard: str) -> None:
        """Give the keyboard back."""
        self._ask("DELETE", f"/v1/nodes/{ident}/console/keyboard?keyboard={keyboard}")

    def type_on_console(self, ident: str, keyboard: str, data: bytes, at: int) -> int:
        """Type; return how many bytes of this keyboard are taken now."""
        text = base64.b64encode(data).decode()
        body = {"keyboard": keyboard, "data": text, "at": at}
        taken: int = self._ask("POST", f"/v1/nodes/{ident}/console/input", body)["taken"]
        return taken

    def break_console(self, ident: str, keyboard: str, at: int) -> None:
        """Send a break."""
        body = {"keyboard": keyboard, "at": at, "break": True}
        self._ask("POST", f"/v1/nodes/{ident}/console/input", body)

    def images(self) -> list[Document]:
        """Return all images of the store with all of their fields."""
        return self._pages("/v1/images/detail", "images")

    def image(self, ident: str) -> Document:
        """Return an image by UUID or name."""
        found: Document = self._ask("GET", f"/v1/images/{ident}")
        return found

    def register_image(self, body: Document) -> None:
        """Register an image."""
        self._ask("POST", "/v1/images", body)

    def delete_image(self, ident: str) -> None:
        """Delete an image."""
        self._ask("DELETE", f"/v1/images/{ident}")

    def send_piece(self, ident: str, piece: bytes, start_byte: int, size_bytes: int) -> None:
        """Send a piece of an image."""
        place = f"/v1/images/{ident}/file?start_byte={start_byte}&size_bytes={size_bytes}"
        self._ask_url("PUT", self._url + place, piece)

    def _pages(self, path: str, key: str) -> list[Document]:
        found: list[Document] = []
        url: str | None = self._url + path
        while url:
            page = self._ask_url("GET", url)
            found += page[key]
            url = page.get("next")
        return found

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return self._ask_url(method, self._url + path, body)

    def _ask_url(self, method: str, url: str, body: object = None) -> Any:
        reply = self._reply(method, url, body)
        if not reply.content:
            return None
        try:
            return reply.json()
        except requests.JSONDecodeError as error:
            raise Unreachable(f"{self._url} is no controller: its answer is no JSON") from error

    def _reply(
        self, method: str, url: str, body: object = None, *, stream: bool = False
    ) -> requests.Response:
        try:
            reply = self._session.request(
                method, url, timeout=_TIMEOUT_S, stream=stream, **_content(body)
            )
        except requests.RequestException as error:
            raise Unreachable(
                f"no controller at {self._url}: {_cause(error)}; is it running, and is the address right"
                " (--url or INGOT_API_URL)?"
            ) from error
        if not reply.ok:
            raise Refused(self._refusal(reply), status=reply.status_code)
        return reply

    def _refusal(self, reply: requests.Response) -> str:
        said = fault_text(reply.text)
        if reply.status_code == _UNAUTHORIZED and _wants_token(reply):
            return f"{self._url} wants a token of Keystone (INGOT_TOKEN=$(openstack token issue -f value -c id)): {said}"
        if reply.status_code == _UNAUTHORIZED:
            return f"{self._url} wants a user name and a password (INGOT_USERNAME, INGOT_PASSWORD): {said}"
        if reply.status_code == _NOT_FOUND and not said:
            return (
                f"{self._url} is no controller: {reply.request.method} {reply.url} is unknown there"
            )
        return said or f"{self._url} answered {reply.status_code} {reply.reason}"


def fault_text(body: str) -> str:
    """Return what an error body says: Ironic's JSON in JSON, a flat object, or empty for anything else."""
    try:
        document = json.loads(body)
        said = document.get("error_message", document)
        fault = json.loads(said) if isinstance(said, str) and said.startswith("{") else said
    except (ValueError, AttributeError):
        return ""
    text = fault.get("faultstring", "") if isinstance(fault, dict) else fault
    return str(text or "")


def _wants_token(reply: requests.Response) -> bool:
    return reply.headers.get("WWW-Authenticate", "").startswith("Keystone")


def _content(body: object) -> dict[str, Any]:
    if not isinstance(body, bytes):
        return {"json": body}
    return {"data": body, "headers": {"Content-Type": "application/octet-stream"}}


def _cause(error: requests.RequestException) -> str:
    reason: object = error
    while isinstance(reason, Exception) and reason.args:
        inner = getattr(reason.args[0], "reason", reason.args[0])
        if not isinstance(inner, Exception):
            break
        reason = inner
    return str(reason).rpartition(": ")[2] or type(error).__name__
