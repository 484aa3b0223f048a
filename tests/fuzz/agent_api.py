"""The agent's API under odd requests, in this process: the real commands check their parameters, and then do nothing."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.api.app import ApiDependencies, create_app
from agent.commands.command import Command, Job, Params
from agent.commands.executor import CommandExecutor
from agent.commands.identity import Identity
from agent.commands.lockdown import Lockdown
from agent.commands.registry import CommandDependencies, build_commands
from agent.commands.rescue import Rescue
from agent.commands.results import ResultStore
from agent.commands.system_logs import SystemLogs
from agent.commands.written_images import WrittenImages
from agent.hardware.registry import Hardware
from agent.system.rescue_login import RescueLogin
from agent.system.runner import HostRunner
from tests.fuzz.web_requests import ODD_TEXTS, Generator, Target, WebRequest, fault_of, send
from tests.integration.fake_machine import FakeMachine, PowerDiary

TOKEN = "t0ken-of-the-agent-0123456789abcdefghijklm"
_NODE: dict[str, Any] = {
    "uuid": "11111111-2222-4333-8444-555555555555",
    "properties": {"root_device": {"size": "> 1"}},
    "instance_info": {"root_gb": 10, "capabilities": {}},
    "driver_internal_info": {"agent_secret_token": "x"},
}
_IMAGE = {
    "id": "x",
    "urls": ["http://127.0.0.1:1/image"],
    "checksum": "0" * 32,
    "os_hash_algo": "sha256",
    "os_hash_value": "0" * 64,
    "disk_format": "qcow2",
    "container_format": "bare",
    "image_type": "whole-disk",
    "node_uuid": "x",
    "stream_raw_images": True,
}
_STEP = {"interface": "deploy", "step": "erase_devices_metadata", "priority": 10, "args": {}}
_PORTS = [{"address": "52:54:00:22:00:10", "uuid": "x"}]
_PARAMS: dict[str, Any] = {
    "image_info": _IMAGE,
    "configdrive": "QUJD",
    "node": _NODE,
    "ports": _PORTS,
    "step": _STEP,
    "clean_version": {"a": "1"},
    "deploy_version": {"a": "1"},
    "root_uuid": "0x12345678",
    "efi_system_part_uuid": "1234-5678",
    "prep_boot_part_uuid": None,
    "target_boot_mode": "uefi",
    "network_interfaces": ["eth0"],
    "wait_on_finish": False,
    "sync_first": True,
}


class AgentFuzz:
    """An agent with a machine of one file, and what it answered wrong."""

    def __init__(self, directory: Path, seed: int) -> None:
        identity = Identity(directory / "token")
        identity.learn_token(TOKEN)
        runner = HostRunner()
        commands = build_commands(
            CommandDependencies(
                hardware=Hardware([FakeMachine(directory).manager()]),
                runner=runner,
                power=PowerDiary(directory),
                identity=identity,
                announce_end=lambda _patience_s: None,
                written=WrittenImages(directory / "written.json"),
                system_logs=SystemLogs(runner, (), lambda: (TOKEN,)),
                rescue=Rescue(
                    RescueLogin(
                        password_file=directory / "password",
                        answer_file=directory / "answer",
                        mark=directory / "rescued",
                    ),
                    lambda: None,
                ),
                lockdown=Lockdown(lambda: None),
                hostname="fuzz",
            )
        )
        harmless = {name: _without_effect(command) for name, command in commands.items()}
        executor = CommandExecutor(
            lambda: harmless, ResultStore(directory / "commands"), lambda: None
        )
        app = create_app(
            ApiDependencies(executor=executor, identity=identity, version="1", started_at=1.0)
        )
        self._app = app
        self._generator = Generator(seed, _targets(list(commands)), _headers)
        self.statuses: dict[int, int] = {}

    def step(self) -> tuple[WebRequest, str | None]:
        """Send one request; return it and what is wrong with its answer."""
        request = self._generator.request()
        answer = send(self._app, request)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return request, fault_of(answer, request, (TOKEN.encode(),))

    def close(self) -> None:
        """Close nothing; as :class:`tests.fuzz.controller_api.ControllerFuzz`."""


def _without_effect(command: Command) -> Command:
    def prepare(params: Params) -> Job:
        command.prepare(params)
        return lambda _progress: None

    return replace(command, prepare=prepare)


def _targets(names: list[str]) -> list[Target]:
    orders = [{"name": name, "params": _PARAMS} for name in names]
    queries = [
        {"agent_token": TOKEN, "wait": "true"},
        {"agent_token": TOKEN},
        {"agent_token": "wrong"},
        {},
    ]
    found = []
    for prefix in ("/v1", ""):
        for path in ("/commands/", "/commands"):
            found += [
                Target(method="POST", path=prefix + path, bodies=orders, queries=queries[:1]),
                Target(method="POST", path=prefix + path, bodies=orders, queries=queries),
                Target(method="GET", path=prefix + path, queries=queries),
            ]
        found.append(
            Target(method="GET", path=f"{prefix}/commands/{{}}", idents=("x",), queries=queries)
        )
        found += [Target(method="GET", path=prefix + path) for path in ("/status", "/", "/{}")]
    return found


def _headers(rnd: random.Random) -> dict[str, str]:
    if rnd.random() < 0.9:
        return {"Content-Type": "application/json"}
    odd = rnd.choice(ODD_TEXTS[:34]).encode("utf-8", "replace").decode("latin-1")
    name = rnd.choice(("Content-Type", "Host", "Accept", "Authorization", "Transfer-Encoding"))
    return {name: odd}
