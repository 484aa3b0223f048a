"""Controller processes and their database, filled with nodes past the API: enrolling thousands is measured elsewhere."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
from sqlalchemy import insert

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.sealed_rows import unlock
from controller.store.tables import BACKGROUND, NODE, Node, Port, Work
from tests.integration.postgres_server import postgres_server
from tests.integration.with_ramdisk import WITH_RAMDISK
from tests.lab.ports import free_port
from tests.simulate.machines import address_of, mac_of
from tests.simulate.options import Options

_ROOT = Path(__file__).resolve().parents[2]
_BATCH = 500
_START_S = 180.0
_POWER_SYNC_S = 120.0
_MIB = 1 << 20


def uuid_of(number: int) -> str:
    """Return the UUID of a node."""
    return f"c0000000-0000-4000-8000-{number:012x}"


def token_of(number: int) -> str:
    """Return the token of an agent that waits."""
    return f"token-{number:0>26}"


class Process:
    """A controller."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        self.name = name
        self.port = free_port()
        self._log = folder / f"{name}.log"
        lines = {**settings, "hostname": name, "listen_port": self.port}
        config = folder / f"{name}.toml"
        config.write_text("".join(f"{key} = {json.dumps(one)}\n" for key, one in lines.items()))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.simulate.controller", str(config)],
                stdout=log,
                stderr=log,
                cwd=_ROOT,
            )
        self._about = psutil.Process(self._process.pid)

    def wait(self) -> None:
        """Wait until it serves."""
        give_up_at = time.monotonic() + _START_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/v1"):
                return
            time.sleep(0.1)
        raise TimeoutError(f"{self.name} does not serve:\n{self._log.read_text()[-3000:]}")

    @property
    def lives(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def cpu_s(self) -> float:
        """Return the processor time that it has used; 0 = it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            times = self._about.cpu_times()
            return float(times.user + times.system)
        return 0.0

    def memory_mib(self) -> float:
        """Return its memory (PSS); 0 = it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return round(self._about.memory_full_info().pss / _MIB, 1)
        return 0.0

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it in order."""
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self._process.kill()
        self._process.wait()

    def complaints(self) -> list[str]:
        """Return what it logged as an error."""
        lines = self._log.read_text(errors="replace").splitlines()
        return [line for line in lines if " ERROR " in line or line.startswith("Traceback")]


@contextlib.contextmanager
def running_site(folder: Path, options: Options, bmc_port: int) -> Iterator[list[Process]]:
    """Give running controllers that share a database with all nodes."""
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{folder}/ingot.sqlite"
        if options.postgres:
            url = stack.enter_context(postgres_server())
        _fill(url, folder / "secrets.key", options, bmc_port)
        processes = []
        for number in range(options.controllers):
            name = f"controller-{number}"
            processes.append(Process(folder, name, _settings(folder, name, url, options)))
            stack.callback(processes[-1].stop)
        for process in processes:
            process.wait()
        yield processes


def _settings(folder: Path, name: str, url: str, options: Options) -> dict[str, Any]:
    return {
        **WITH_RAMDISK,
        "state_directory": str(folder / name),
        "database_url": url,
        "secrets_key_file": str(folder / "secrets.key"),
        "agent_require_tls": False,
        "max_concurrent_deploy": options.nodes,
        "max_concurrent_clean": options.nodes,
        "heartbeat_timeout_s": int(2.5 * options.heartbeat_s) or 1,
        "callback_timeout_s": options.callback_timeout_s,
        "power_sync_interval_s": _POWER_SYNC_S,
        "log_level": "WARNING",
    }


def _fill(url: str, key_file: Path, options: Options, bmc_port: int) -> None:
    store = Store(url)
    migrate(store)
    unlock(store, key_file)
    now, steady = time.time(), store.steady()
    for begin in range(0, options.nodes, _BATCH):
        numbers = range(begin, min(begin + _BATCH, options.nodes))
        with store.edit() as session:
            session.execute(insert(Node), [_node(n, options, bmc_port, now) for n in numbers])
            session.execute(insert(Port), [_port(n, now) for n in numbers])
            session.execute(insert(Work), [_look(n, steady) for n in numbers])
    store.close()


def _node(number: int, options: Options, bmc_port: int, now: float) -> dict[str, Any]:
    waits = number >= options.wave
    url = f"http://{address_of(number)}:{options.agent_port}"
    image = f"http://127.0.0.1:{bmc_port}/images/debian.qcow2"
    return {
        "id": number + 1,
        "uuid": uuid_of(number),
        "name": f"n{number}",
        "created_at": now,
        "provision_state": "available" if waits else "manageable",
        "power_state": "power on" if waits else "power off",
        "driver": "fake-hardware",
        "driver_info": {"number": number, "bmc_port": bmc_port, "password": "secret"},
        "driver_internal_info": {"agent_url": url, "agent_version": "13.0.0"} if waits else {},
        "agent_secret": token_of(number) if waits else None,
        "instance_info": {
            "image_source": image,
            "image_os_hash_algo": "sha256",
            "image_os_hash_value": "0" * 64,
        },
        "properties": {"cpus": 64, "memory_mb": 262144, "local_gb": 1787, "cpu_arch": "x86_64"},
        "extra": {"rack": f"r{number // 40}"},
        "interfaces": {"boot": "fake"},
    }


def _port(number: int, now: float) -> dict[str, Any]:
    return {
        "node_id": number + 1,
        "uuid": uuid_of(number).replace("c", "d", 1),
        "address": mac_of(number),
        "created_at": now,
    }


def _look(number: int, steady: float) -> dict[str, Any]:
    return {
        "subject_kind": NODE,
        "subject_id": number + 1,
        "lane": BACKGROUND,
        "stage": "sync.power",
        "data": {},
        "entered_at": steady,
        "started_at": steady,
        "due_at": steady + _POWER_SYNC_S * (number % 997) / 997,
    }


def load() -> float:
    """Return the machine's load of the last minute."""
    return round(os.getloadavg()[0], 1)
