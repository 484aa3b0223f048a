"""What the agent double serves, in the exact shapes of the wire: its server, commands' ends and their results."""

import json
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.integration.agent_behaviour import Behaviour


class Answers(Protocol):
    """Who answers the requests."""

    def answer(self, request: BaseHTTPRequestHandler, body: Mapping[str, Any] | None) -> None:
        """Answer a list of the commands (no body), or an order."""

    def stop_command(self, request: BaseHTTPRequestHandler) -> None:
        """Answer the wish that a command ends."""


def served(agent: Answers, tls: tuple[str, str] | None) -> ThreadingHTTPServer:
    """Serve an agent on loopback, in threads of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            agent.answer(self, None)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            agent.answer(self, json.loads(self.rfile.read(length)))

        def do_DELETE(self) -> None:
            agent.stop_command(self)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def end(command: dict[str, Any], behaviour: Behaviour, versions: Mapping[str, str]) -> None:
    """Give a command its end: failed or stopped, planned for other hardware managers, or a result."""
    name = command["name"]
    failure = behaviour.failures.get(name)
    is_stopped = bool(command.get("is_stopped")) and not failure
    if is_stopped:
        failure = "stopped after 3 of 20 blocks"
    kind = command["full_name"].partition(".")[0]
    wanted = command["params"].get(f"{kind}_version")
    if failure:
        command["command_status"] = "FAILED"
        command["command_error"] = {
            "type": "CommandStopped" if is_stopped else "CleaningError",
            "code": 500,
            "message": "Error",
            "details": failure,
        }
    elif wanted is not None and wanted != versions:
        command["command_status"] = "CLEAN_VERSION_MISMATCH"
    else:
        command["command_result"] = _result(kind, command, behaviour, versions)
        command["command_status"] = "SUCCEEDED"
    command.update(behaviour.endings.get(name, {}))


def _result(
    kind: str, command: Mapping[str, Any], behaviour: Behaviour, versions: Mapping[str, str]
) -> Any:
    short = command["command_name"]
    if short.startswith("get_") and short.endswith("_steps"):
        steps = {"GenericHardwareManager": behaviour.steps[kind]}
        return {f"{kind}_steps": steps, "hardware_manager_version": versions}
    if short.startswith("execute_"):
        step = command["params"]["step"]
        result = behaviour.results.get(step["step"])
        return {f"{kind}_result": result, f"{kind}_step": step}
    return {
        "get_partition_uuids": behaviour.results.get(short) or {"root uuid": "0x00000000"},
        "collect_system_logs": {"system_logs": "bG9ncw=="},
        "prepare_kexec": {
            "kexec": {
                "kernel": "/vmlinuz of partition 3",
                "root": "UUID=1",
                "found_by": "GRUB, x",
            },
            "announces_end": True,
        },
    }.get(short)


def shown(command: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the wire shows of a command."""
    keys = ["id", "command_name", "command_status", "command_error", "command_result"]
    keys += ["progress", "stoppable"]
    return {key: command[key] for key in keys if key in command}


def reply(request: BaseHTTPRequestHandler, status: int, body: Any) -> None:
    """Answer a request."""
    content = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
