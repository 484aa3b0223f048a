"""The program that keeps consoles of Redfish BMCs open: a host, and a forked child per BMC (``controller/hardware/console.py``).

A child asks the BMC by Redfish how its console is reached, logs out, and opens it: by SSH (``ssh_line.py``), or by IPMI as ``sol_worker.py`` does.
"""

import signal
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sushy.resources.system.system import System

from controller.bmc.ipmi_wire import Login
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_clock import managers
from controller.bmc.redfish_console_way import Way, Wish, choose_way, known_way, parse_wish
from controller.bmc.redfish_quirks import console_ways_of
from controller.bmc.redfish_sessions import Sessions
from controller.bmc.redfish_siblings import serves_others
from controller.bmc.redfish_target import RedfishTarget, parse_target
from controller.bmc.sol_worker import open_line, prepare
from controller.bmc.ssh_line import SshLine
from controller.bmc.ssh_target import SshTarget
from controller.errors import BmcAuthenticationFailed, ControllerError
from controller.hardware.console import DENIED, FAILED, MOST_PACKET_BYTES
from controller.peers.fork_host import serve_forks

_ASK_S = 30.0
_ASK_AT_MOST_S = 45.0
_ADMINISTRATOR = 4


def main(control_fd: int) -> None:
    """Fork a child for every socket that arrives."""
    prepare()
    serve_forks(control_fd, _serve)


def _serve(channel: socket.socket) -> None:
    order = channel.recv(MOST_PACKET_BYTES)
    if not order:
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ssh is a child that is waited for
    kind, why = _open(channel, msgspec.msgpack.decode(order, type=dict[str, Any]))
    if why:
        channel.send(kind + why.encode()[: MOST_PACKET_BYTES - 1])


def _open(channel: socket.socket, driver_info: dict[str, Any]) -> tuple[bytes, str]:
    """Open the console and serve it to its end; return what the controller is told of that, empty = nothing more."""
    target, wish = parse_target(driver_info), parse_wish(driver_info)
    host = urlsplit(target.url).hostname or ""
    try:
        way = known_way(wish) or _ask(target, wish)
    except BmcAuthenticationFailed as error:
        return DENIED, _short(str(error), target)
    except ControllerError as error:
        return FAILED, _short(str(error), target)
    if way.is_ssh:
        return SshLine(channel, _ssh_target(host, way, wish), way.command).run()
    login = Login(
        address=host,
        port=way.port,
        username=wish.username,
        password=wish.password,
        privilege_level=_ADMINISTRATOR,
        cipher_suite=None,
        kg=None,
    )
    open_line(channel, login)
    return FAILED, ""


def _ask(target: RedfishTarget, wish: Wish) -> Way:
    """Ask the BMC by Redfish, and log out."""
    signal.setitimer(signal.ITIMER_REAL, _ASK_AT_MOST_S)  # its default action is our end
    sessions = Sessions()
    try:
        return RedfishCalls(target, sessions).ask(
            "serial console", _ASK_S, lambda system: choose(system, wish)
        )
    finally:
        sessions.close()
        signal.setitimer(signal.ITIMER_REAL, 0)


def choose(system: System, wish: Wish) -> Way:
    """Return how the console of a system is reached, as its BMC says; raises ``NotDoneError``."""
    manager = next(managers(system), None)
    body = manager.body if manager is not None else {}
    is_shared = manager is not None and serves_others(system, manager)
    ways = console_ways_of(system.json, body)
    return choose_way(wish, system.json, body, ways, is_shared=is_shared)


def _ssh_target(host: str, way: Way, wish: Wish) -> SshTarget:
    return SshTarget(
        address=host,
        port=way.port,
        username=wish.username,
        virt_type="",
        key_filename="",
        key_contents="",
        password=wish.password,
        host_keys=wish.host_keys,
    )


def _short(words: str, target: RedfishTarget) -> str:
    """Return an error without the BMC's name, which the controller puts before it."""
    return words.removeprefix(f"BMC {target.url}: ")


if __name__ == "__main__":
    main(int(sys.argv[1]))
