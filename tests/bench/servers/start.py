"""Starts our controller and the real Ironic on loopback, each as its makers run it for a small site: one process, SQLite."""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from tests.bench.servers.server import Server
from tests.lab.errors import LabError
from tests.lab.ports import free_port
from tests.lab.program import Program, run

_PEER = Path(__file__).resolve().parents[3] / "build/peers/ironic"
_START_TIMEOUT_S = 120

SYSTEM_ADMIN = {"X-Roles": "admin,member,reader", "OpenStack-System-Scope": "all"}
"""What Keystone's middleware would say of who may do everything; nobody looks at it where nobody has to log in."""
IRONIC_CONFIG = """
[DEFAULT]
auth_strategy = {auth}
default_log_levels = ironic=WARNING,sqlalchemy=WARNING
log_file = {root}/ironic.log
use_stderr = False
host = bench
my_ip = 127.0.0.1
rpc_transport = none
state_path = {root}/state
tempdir = {root}/tmp
enabled_hardware_types = fake-hardware
enabled_bios_interfaces = no-bios
enabled_boot_interfaces = fake
enabled_console_interfaces = no-console
enabled_deploy_interfaces = direct,fake
enabled_firmware_interfaces = no-firmware
enabled_inspect_interfaces = no-inspect
enabled_management_interfaces = fake
enabled_network_interfaces = noop
enabled_power_interfaces = fake
enabled_raid_interfaces = no-raid
enabled_rescue_interfaces = no-rescue
enabled_storage_interfaces = noop
enabled_vendor_interfaces = no-vendor
[database]
connection = sqlite:///{root}/ironic.sqlite
[api]
host_ip = 127.0.0.1
port = {port}
[dhcp]
dhcp_provider = none
[conductor]
sync_power_state_interval = 0
[deploy]
http_url = http://127.0.0.1:9
http_root = {root}/http
[pxe]
tftp_root = {root}/tftp
tftp_master_path = {root}/tftp/master
[service_catalog]
auth_type = none
endpoint_override = http://127.0.0.1:{port}
[agent]
certificates_path = {root}/certificates
[oslo_concurrency]
lock_path = {root}/locks
"""
OURS_CONFIG = """
state_directory = "{root}/state"
hostname = "bench"
listen_port = {port}
power_sync_interval_s = 0.0
log_level = "WARNING"
""" + "".join(
    f'{name} = "{value}"\n'
    for name, value in re.findall(r"(?m)^(enabled_\w+) = (.*)$", IRONIC_CONFIG)
)
"""With the same hardware types and interfaces, so that neither carries what the other does not."""


@contextmanager
def our_controller(root: Path, settings: str = OURS_CONFIG) -> Iterator[Server]:
    """Run our controller below ``root``."""
    port = free_port()
    config = root / "controller.toml"
    config.write_text(settings.format(root=root, port=port))
    script = Path(sys.executable).with_name("ingot-controller")
    program = Program(
        "controller", [str(script), "serve", "--config", str(config)], log=root / "controller.log"
    )
    server = Server(
        name="ingot",
        url=f"http://127.0.0.1:{port}",
        database=root / "state/ingot.sqlite",
        program=program,
    )
    with _running(server):
        yield server


def has_real_ironic() -> bool:
    """Whether ``make peers`` has installed it."""
    return (_PEER / "bin/ironic").exists()


@contextmanager
def real_ironic(
    root: Path,
    conductor: Mapping[str, Any] = MappingProxyType({}),
    *,
    program: Path | None = None,
    auth: str = "noauth",
    options: Mapping[str, str] = MappingProxyType({}),
    sections: str = "",
    login: Mapping[str, str] = MappingProxyType(SYSTEM_ADMIN),
) -> Iterator[Server]:
    """Run the real Ironic below ``root``.

    ``conductor`` are further settings of that section, ``options`` take the place of lines of its configuration, ``sections``
    come behind it; ``program`` starts Ironic in a way of its own, ``login`` are headers of who may do everything.
    """
    for folder in ("tftp/master", "http", "tmp", "certificates", "locks", "state"):
        (root / folder).mkdir(parents=True)
    port = free_port()
    config = root / "ironic.conf"
    lines = [f"{name} = {value}\n" for name, value in conductor.items()]
    text = _with(IRONIC_CONFIG.format(root=root, port=port, auth=auth), options)
    text += sections
    config.write_text(text.replace("[conductor]\n", "[conductor]\n" + "".join(lines)))
    dbsync = (str(_PEER / "bin/ironic-dbsync"), "--config-file", str(config), "create_schema")
    run(*dbsync, timeout_s=_START_TIMEOUT_S)
    starts = [str(_PEER / "bin/python"), str(program)] if program else [str(_PEER / "bin/ironic")]
    process = Program(
        "ironic",
        [*starts, "--config-file", str(config)],
        log=root / "ironic.out",
        environment={**os.environ, "PATH": f"{_PEER}/bin:{os.environ['PATH']}"},
    )
    server = Server(
        name="ironic",
        url=f"http://127.0.0.1:{port}",
        database=root / "ironic.sqlite",
        program=process,
    )
    with _running(server, login):
        yield server


def _with(config: str, options: Mapping[str, str]) -> str:
    for name, value in options.items():
        config, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", config, flags=re.MULTILINE)
        if count != 1:
            raise LabError(f"the configuration of Ironic has {count} lines of {name}")
    return config


@contextmanager
def _running(
    server: Server, login: Mapping[str, str] = MappingProxyType(SYSTEM_ADMIN)
) -> Iterator[None]:
    server.program.start()
    try:
        _wait_until_it_answers(server, login)
        yield
    finally:
        server.program.stop(timeout_s=30)


def _wait_until_it_answers(server: Server, login: Mapping[str, str]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        server.program.must_run()
        try:
            answer = requests.get(f"{server.url}/v1/drivers", headers=login, timeout=5)
            if any(driver["name"] == "fake-hardware" for driver in answer.json()["drivers"]):
                return
        except (requests.RequestException, ValueError, KeyError):
            pass  # not listening yet, or listening before it can answer
        time.sleep(0.2)
    raise LabError(
        f"{server.name} did not start within {_START_TIMEOUT_S} s; the end of its log:\n{server.program.log_tail()}"
    )
