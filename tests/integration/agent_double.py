"""A machine without hardware: a ramdisk's agent with the exact wire shapes, behind a power switch.

The agent is a real HTTP(S) server on loopback. It looks its node up, sends heartbeats and carries commands
out by waiting. A test decides what it offers, how long things take, and when it dies.
"""

import contextlib
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from tests.integration.agent_behaviour import THIEF, Behaviour
from tests.integration.agent_double_answers import end, reply, served, shown


class Machine:
    """A power switch with an agent behind it; ``orders`` outlives the boots."""

    def __init__(self, api_url: str, mac: str, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.boots: list[str] = []
        self.inspections: list[requests.Response] = []
        self.boot_device = "disk"
        self.token_on_medium: str | None = None
        self.on_change: Callable[[str], None] = lambda _what: None
        self._api_url, self._mac = api_url, mac
        self._agent: Agent | None = None
        self._lock = threading.RLock()

    @property
    def is_on(self) -> bool:
        with self._lock:
            return bool(self.boots) and self.boots[-1] != "off"

    @property
    def agent(self) -> "Agent":
        assert self._agent
        return self._agent

    def power_on(self) -> None:
        with self._lock:
            if self.is_on:
                return
            self.boots.append(self.boot_device)
            self.on_change(f"on {self.boot_device}")
            if self.boot_device == "pxe":
                self._agent = Agent(self, self._api_url, self._mac, len(self.boots))
                self._agent.start()
                self.boot_device = "disk"  # a boot device that is set once

    def power_off(self) -> None:
        with self._lock:
            agent, self._agent = self._agent, None
            if self.is_on:
                self.boots.append("off")
                self.on_change("off")
        if agent:
            agent.stop()

    def start_kernel(self) -> None:
        """Run the deployed system in place of the ramdisk, without a boot."""
        with self._lock:
            agent, self._agent = self._agent, None
            self.boots.append("kexec")
            self.on_change("kexec")
        if agent:
            agent.stop()

    def crash(self) -> None:
        """Reset the machine: another boot of the ramdisk, with nothing remembered."""
        with self._lock:
            self.agent.stop()
            self._agent = Agent(self, self._api_url, self._mac, len(self.boots))
            self._agent.start()

    def ordered(self, name: str) -> list[dict[str, Any]]:
        """Return the parameters of every order of this name, steps by their own names."""
        return [params for order, params in self.orders if order == name]


class Agent:
    """One boot of the ramdisk."""

    def __init__(self, machine: Machine, api_url: str, mac: str, boot: int) -> None:
        self.machine, self._api_url, self._mac = machine, api_url, mac
        versions = machine.behaviour.versions
        self.version = versions[min(boot, len(versions)) - 1]
        self.token: str | None = None
        self.node_uuid: str | None = None
        self.commands: list[dict[str, Any]] = []
        self.is_locked_down = False
        self._has_lost_one = False
        self._is_robbed = False
        self._stopped = threading.Event()
        self.has_stopped = False
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._live, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self.fall_silent()
        self.has_stopped = True

    def heartbeat(self, **changes: Any) -> requests.Response:
        body = {
            "callback_url": self.url,
            "agent_token": self.token,
            "agent_version": "13.0.0",
            **changes,
        }
        tls = self.machine.behaviour.tls
        if tls:
            body["agent_verify_ca"] = Path(tls[0]).read_text()
        headers = {"X-OpenStack-Ironic-API-Version": "1.72"}
        url = f"{self._api_url}/v1/heartbeat/{self.node_uuid}"
        return requests.post(url, json=body, headers=headers, timeout=10)

    @property
    def url(self) -> str:
        assert self._server
        scheme = "https" if self.machine.behaviour.tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    def inspect(self, **changes: Any) -> requests.Response:
        """Post what the machine consists of to where its boot script says."""
        document = {**(self.machine.behaviour.inspection or {}), **changes}
        return requests.post(self._callback_url() or "", json=document, timeout=10)

    def _is_over_after_inspection(self) -> bool:
        """Post the inspection if the boot script says so, as long as it takes; false = there is a lookup to be made."""
        while not self._stopped.is_set():
            try:
                script = self._script()
                if "ipa-inspection-callback-url" in script:
                    self.machine.inspections.append(self.inspect())
            except requests.RequestException:  # the controller may be dead for a moment
                self._stopped.wait(0.2)
            else:
                return "ipa-api-url" not in script
        return True

    def _script(self) -> str:
        query = {"mac": self._mac, "platform": "pcbios"}
        return requests.get(f"{self._api_url}/boot/ipxe/script", params=query, timeout=10).text

    def _callback_url(self) -> str | None:
        found = re.search(r"ipa-inspection-callback-url=(\S+)", self._script())
        return found.group(1) if found else None

    def _live(self) -> None:
        self._stopped.wait(self.machine.behaviour.boot_s)
        if self.machine.behaviour.inspection and self._is_over_after_inspection():
            return
        while not self._stopped.is_set() and self.machine.behaviour.calls_back:
            if self._look_up():
                break
            self._stopped.wait(0.2)
        if self._stopped.is_set() or self.is_locked_down or not self.token:
            return
        self._serve()
        self._keep_beating()

    def _rob(self) -> None:
        """Ask for the token as somebody else, before the machine does."""
        parts = urlsplit(self._api_url)
        thief = HTTPConnection(parts.hostname or "", parts.port, source_address=(THIEF, 0))
        with contextlib.closing(thief):
            headers = {"X-OpenStack-Ironic-API-Version": "1.62"}
            thief.request("GET", f"/v1/lookup?addresses={self._mac}", headers=headers)
            if thief.getresponse().status == 200:
                self.machine.behaviour.robbed_boots -= 1
                self._is_robbed = True

    def _look_up(self) -> bool:
        if self.machine.behaviour.robbed_boots and not self._is_robbed:
            self._rob()
        headers = {"X-OpenStack-Ironic-API-Version": "1.62"}
        url = f"{self._api_url}/v1/lookup?addresses={self._mac}"
        try:
            reply = requests.get(url, headers=headers, timeout=10)
        except requests.RequestException:
            return False
        if reply.status_code != 200:
            return False
        if self.machine.behaviour.lost_answers and not self._has_lost_one:
            self.machine.behaviour.lost_answers -= 1
            self._has_lost_one = True
            return False
        token = reply.json()["config"]["agent_token"]
        self.node_uuid = reply.json()["node"]["uuid"]
        if token == "******" and self.machine.token_on_medium:
            token = self.machine.token_on_medium
        if token == "******":  # the real agent locks itself down
            self.is_locked_down = True
            return True
        self.token = token
        return True

    def _serve(self) -> None:
        self._server = served(self, self.machine.behaviour.tls)

    def _keep_beating(self) -> None:
        pause_s = 0.0
        while not self._stopped.wait(pause_s):
            try:
                is_taken = self.heartbeat().status_code == 202
            except requests.RequestException:
                is_taken = False
            pause_s = 60.0 if is_taken else 0.3
            if is_taken:
                return

    def answer(self, request: BaseHTTPRequestHandler, body: Mapping[str, Any] | None) -> None:
        query = parse_qs(urlsplit(request.path).query)
        if query.get("agent_token") != [self.token]:
            fault = {"faultcode": "Client", "faultstring": "Unauthorized: Token invalid."}
            return reply(request, 401, fault)
        if body is None:
            with self._lock:
                return reply(request, 200, {"commands": [shown(c) for c in self.commands]})
        with self._lock:
            if any(c["command_status"] == "RUNNING" for c in self.commands):
                text = "Agent is busy: executing command"
                return reply(request, 409, {"faultcode": "Client", "faultstring": text})
            if body["name"].partition(".")[2] in self.machine.behaviour.unknown:
                text = f"Invalid command: Unknown command: {body['name']}"
                return reply(request, 400, {"faultcode": "Client", "faultstring": text})
            command = self._begin(body["name"], body["params"])
        self.machine.on_change(f"order {command['name']}")
        if (
            command["name"] == "start_kexec"
            and "start_kexec" not in self.machine.behaviour.failures
        ):
            threading.Timer(0.05, self._start_kernel).start()
        elif command["seconds"] == 0.0 or query.get("wait") == ["true"]:
            time.sleep(command["seconds"])
            self._end(command)
        else:
            threading.Thread(target=self._run, args=(command,), daemon=True).start()
        return reply(request, 200, shown(command))

    def _start_kernel(self) -> None:
        """Carry ``start_kexec`` out, a command that never ends: say so until it was taken, then start."""
        if not self.machine.behaviour.starts_without_a_word:
            self._say_last_word()
        happens = self.machine.behaviour.on_kexec
        if happens is None:
            self.machine.start_kernel()
        else:
            happens(self)

    def _say_last_word(self) -> None:
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            with contextlib.suppress(requests.RequestException):
                if self.heartbeat(agent_status="end").status_code == 202:
                    return
            time.sleep(0.1)

    def fall_silent(self) -> None:
        """Serve nothing any more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def stop_command(self, request: BaseHTTPRequestHandler) -> None:
        """Answer ``DELETE /v1/commands/<id>``: the real agent knows no such route."""
        name = urlsplit(request.path).path.rpartition("/")[2]
        command = next((c for c in self.commands if c["id"] == name), None)
        if command is None or command["name"] not in self.machine.behaviour.stoppable:
            return reply(request, 405, {"faultcode": "Client", "faultstring": "Method Not Allowed"})
        self.machine.on_change(f"stop {command['name']}")
        if not self.machine.behaviour.ignores_stop:
            command["is_stopped"] = True
        return reply(request, 202, shown(command))

    def _begin(self, full_name: str, params: dict[str, Any]) -> dict[str, Any]:
        short = full_name.partition(".")[2]
        name = params["step"]["step"] if short.startswith("execute_") else short
        self.machine.orders.append((name, params))
        command = {
            "id": str(uuid.uuid4()),
            "command_name": short,
            "command_status": "RUNNING",
            "command_error": None,
            "command_result": None,
            "name": name,
            "full_name": full_name,
            "params": params,
            "seconds": self.machine.behaviour.seconds.get(name, 0.0),
            **({"stoppable": True} if name in self.machine.behaviour.stoppable else {}),
        }
        self.commands.append(command)
        return command

    def _run(self, command: dict[str, Any]) -> None:
        steps = 20
        for number in range(steps):
            if self._stopped.wait(command["seconds"] / steps):
                return
            if command.get("is_stopped"):
                break
            command["progress"] = {
                "phase": "writing",
                "bytes_done": number * 1000,
                "bytes_total": steps * 1000,
            }
        self._end(command)
        with contextlib.suppress(requests.RequestException):
            self.heartbeat()

    def _end(self, command: dict[str, Any]) -> None:
        name = command["name"]
        with self._lock:
            end(command, self.machine.behaviour, self._versions())
        if name == "finalize_rescue" and command["command_status"] == "SUCCEEDED":
            threading.Timer(0.1, self.stop).start()  # the login is open, nothing is served any more
        if name == "power_off" and self.machine.behaviour.switches_itself_off:
            threading.Timer(0.1, self.machine.power_off).start()

    def _versions(self) -> dict[str, str]:
        return {"generic_hardware_manager": self.version}
