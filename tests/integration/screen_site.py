"""A controller, a node whose console is a screen, an operator's program that brings it, and QEMU that draws it; or a server that means harm."""

import json
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.integration.console_site import PATIENCE_S, People
from tests.integration.controller_process import controller_process
from tests.integration.waiting import wait_until
from tests.integration.web_socket import Browser
from tests.lab.qmp import Qmp
from tests.lab.tiny_guest import boot_sector
from tests.lab.vnc import VncClient

VERSION = {"X-OpenStack-Ironic-API-Version": "latest"}
_PROGRAM = """#!{python}
import json, os, sys, time
folder = {folder!r}
given = {{key: os.environ.get(key) for key in ("APP", "APP_INFO", "READ_ONLY", "INGOT_TIMEOUT_S")}}
with open(folder + "/calls", "a") as calls:
    calls.write(json.dumps([sys.argv[1:], given]) + "\\n")
if sys.argv[1] == "start":
    with open(folder + "/answer") as answer:
        sys.stdout.write(answer.read())
    try:
        with open(folder + "/status") as status:
            wait_s, code, words = json.load(status)
    except FileNotFoundError:
        sys.exit(0)
    sys.stderr.write(words)
    sys.stderr.flush()
    time.sleep(wait_s)
    sys.exit(code)
"""


class Program:
    """The operator's program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.path = folder / "screens"
        self.path.write_text(_PROGRAM.format(python=sys.executable, folder=str(folder)))
        self.path.chmod(0o755)

    def answers(self, **answer: object) -> None:
        """Print this from now on."""
        (self.folder / "answer").write_text(json.dumps(answer))

    def ends(self, code: int, words: str = "", wait_s: float = 0.0) -> None:
        """End so from now on."""
        (self.folder / "status").write_text(json.dumps([wait_s, code, words]))

    @property
    def calls(self) -> list[Any]:
        """Arguments and environment of every call so far."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def verbs(self) -> list[str]:
        return [arguments[0] for arguments, _ in self.calls]


class QemuScreen:
    """A machine with a screen by VNC on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "vnc"
        self.password = secrets.token_hex(4)
        disk = folder / "disk"
        disk.write_bytes(boot_sector())
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "tcg"),
                    *("-m", "64M", "-vga", "std", "-no-reboot"),
                    *("-drive", f"format=raw,file={disk}"),
                    *("-display", f"vnc=unix:{self.path},password=on"),
                    *("-chardev", f"socket,id=qmp,fd={theirs.fileno()}"),
                    *("-mon", "chardev=qmp,mode=control"),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        self.qmp = Qmp(ours)
        self.qmp.execute("set_password", protocol="vnc", password=self.password)
        self._dump = folder / "dump.ppm"

    def drawn(self) -> bytes:
        """Return what it draws, as a PPM."""
        self.qmp.execute("screendump", filename=str(self._dump))
        return self._dump.read_bytes()

    def wait_off(self) -> None:
        """Wait until its guest has switched it off."""
        self._process.wait(PATIENCE_S)

    @property
    def clients(self) -> int:
        return len(self.qmp.execute("query-vnc").get("clients", []))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self.qmp.join()


@contextmanager
def qemu_screen(folder: Path) -> Iterator[QemuScreen]:
    folder.mkdir()
    screen = QemuScreen(folder)
    try:
        yield screen
    finally:
        screen.close()


class Screens(People):
    """What people do with one node's screen."""

    def token(self) -> str:
        """Ask the API for the word that opens it."""
        info = self.ok("GET", "/states/console")["console_info"]
        assert info["type"] == "vnc"
        return str(urlsplit(info["url"]).fragment)

    @property
    def uuid(self) -> str:
        return str(self.ok("GET", "?fields=uuid")["uuid"])

    @property
    def address(self) -> str:
        """Where its WebSocket is."""
        return f"{self.url}/screens/{self.uuid}"

    def browser(self, token: str | None = None, **more: Any) -> Browser:
        """Open it."""
        return Browser(self.address, self.token() if token is None else token, **more)


def viewer(browser: Browser) -> VncClient:
    """Return a client of VNC that speaks through a browser's WebSocket, once it has shaken hands."""
    client = VncClient(browser.send, browser.receive)
    client.log_in(None)
    return client


@contextmanager
def screen_site(folder: Path, **settings: str | bool | float) -> Iterator[tuple[str, Program]]:
    """Give the URL of a controller, and the program that brings its screens."""
    program = Program(folder / "program")
    chosen: dict[str, str | bool | float] = {
        "console_screen_provider": "command",
        "console_screen_program": str(program.path),
        **settings,
    }
    with controller_process(folder, **chosen) as url:
        yield url, program


def enrol(
    url: str, name: str = "m1", auth: tuple[str, str] | None = None, **more: object
) -> Screens:
    """Add a node whose console is a screen, and switch that on."""
    body = {
        "driver": "fake-hardware",
        "name": name,
        "console_interface": "fake-graphical",
        **more,
    }
    reply = requests.post(
        f"{url}/v1/nodes", json=body, headers=VERSION, timeout=PATIENCE_S, auth=auth
    )
    assert reply.ok, reply.text
    people = Screens(url, name, auth)
    people.switch(is_on=True)
    return people


@contextmanager
def scripted_screen(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve a port on loopback whose connections ``behave`` gets, each in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            taken.append(sock)
            threading.Thread(target=run, args=(sock,), daemon=True).start()

    def run(sock: socket.socket) -> None:
        try:
            behave(sock)
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE_S)
        for sock in taken:
            sock.close()


def greet(sock: socket.socket) -> None:
    """Shake hands as a server of VNC without a password, up to where the pictures begin."""
    sock.sendall(b"RFB 003.008\n")
    read(sock, 12)
    sock.sendall(b"\1\1")
    read(sock, 1)
    sock.sendall(b"\0\0\0\0")


def read(sock: socket.socket, count: int) -> bytes:
    """Return so many bytes, or what comes before the end."""
    found = b""
    while len(found) < count and (piece := sock.recv(count - len(found))):
        found += piece
    return found


def wait_for_verbs(program: Program, *verbs: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait until the program was called with exactly these verbs."""
    wait_until(lambda: program.verbs == list(verbs), timeout_s, f"the calls are {verbs}")


@contextmanager
def listening_screen(program: Program) -> Iterator[None]:
    """Have the program bring a screen that greets, and shows nothing."""

    def behave(sock: socket.socket) -> None:
        greet(sock)
        read(sock, 1000)

    with scripted_screen(behave) as port:
        program.answers(host="127.0.0.1", port=port)
        yield
