"""A TCP port for each console that is to have one: what the machine shows goes out, what comes in is typed; as Ironic's ``socat``.

Nobody logs in: whoever reaches the port types. So there is none unless the settings give a range, and they are on loopback unless
the settings say otherwise. One thread has all ports; each has one connection at a time, as Ironic's have
(``max-children=1``). A connection has a place in the stored log and no queue; what it types waits in 4 KiB at most, then its socket is
not read.
"""

import contextlib
import logging
import selectors
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from agent.protocol.http_server.wake import Wake
from controller.consoles.shared_line import LineState, SharedLine
from controller.errors import ControllerError

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_SLOW_LINE_S = 0.05
_PIECE_BYTES = 16 * 1024
_MOST_PENDING_BYTES = 4096
_STUCK_S = 60.0
_STOP_S = 5.0
_BUSY = b"\r\n[ingot: somebody is connected to this console already]\r\n"
Find = Callable[[str], SharedLine | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Where consoles get their ports."""

    address: str
    first: int
    last: int


@dataclass(eq=False, slots=True)
class _Port:
    """A listening port and its connection."""

    uuid: str
    number: int
    listener: socket.socket
    link: "_Link | None" = None


@dataclass(eq=False, slots=True)
class _Link:
    """A connection to a console."""

    port: _Port
    channel: socket.socket
    line: SharedLine
    user: str
    place: int
    wake: Callable[[], None]
    keyboard: str = ""
    typed_bytes: int = 0
    pending: bytearray = field(default_factory=bytearray)
    """What was received and is not typed yet."""
    unsent: bytes = b""
    moved_at: float = field(default_factory=time.monotonic)


class ConsolePorts:
    """All ports of one controller. Any thread may call."""

    def __init__(self, find: Find, ports: PortRange | None) -> None:
        """Prepare; ``find`` returns a console by its node's UUID, ``None`` = there are no ports."""
        self._find, self._range = find, ports
        self._lock = threading.Lock()
        self._wanted: Mapping[str, int | None] = {}
        self._ports: dict[str, _Port] = {}
        self._told: set[str] = set()
        self._selector: selectors.BaseSelector | None = None
        self._wake: Wake | None = None
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def keep_alive(self) -> None:
        """Start the thread, if it does not run and there is a range of ports."""
        if self._range is None or self._is_stopping or (self._thread and self._thread.is_alive()):
            return
        if self._selector is None:
            log.warning(
                "consoles with the interface ipmitool-socat are typed on at %s, ports %d to %d, by whoever reaches them, without a"
                " password (console_port_range)",
                self._range.address,
                self._range.first,
                self._range.last,
            )
            self._selector = selectors.DefaultSelector()
            self._wake = Wake(self._selector)
        self._thread = threading.Thread(target=self._run, name="console-ports", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all ports."""
        self._is_stopping = True
        self._rouse()
        if self._thread:
            self._thread.join(_STOP_S)

    def want(self, wanted: Mapping[str, int | None]) -> None:
        """Have ports for these nodes and no others; a number = that very port, ``None`` = one of the range."""
        with self._lock:
            self._wanted = dict(wanted)
        self._rouse()

    def url_of(self, uuid: str) -> str | None:
        """Return where a node's console is connected to, as Ironic's ``console_info`` says it; ``None`` = nowhere here."""
        with self._lock:
            port = self._ports.get(uuid)
        if port is None or self._range is None:
            return None
        address = self._range.address
        return f"tcp://{f'[{address}]' if ':' in address else address}:{port.number}"

    def _rouse(self) -> None:
        if self._wake is not None:
            self._wake()

    def _run(self) -> None:
        selector, wake = self._selector, self._wake
        if selector is None or wake is None:
            raise RuntimeError("the thread is started by keep_alive")
        while not self._is_stopping:
            try:
                is_slow = any(port.link and port.link.pending for port in self._ports.values())
                for key, _ in selector.select(_SLOW_LINE_S if is_slow else _LOOK_S):
                    if isinstance(key.data, _Port):
                        self._accept(key.data)
                    elif isinstance(key.data, _Link):
                        self._hear(key.data)
                wake.clear()
                self._follow_wishes()
                for port in list(self._ports.values()):
                    if port.link:
                        self._work(port.link)
            except Exception:  # a fault with one port must not end all the others
                log.exception("the consoles' ports met a fault")
                time.sleep(_LOOK_S)
        for uuid in list(self._ports):
            self._close(uuid)
        wake.close()
        selector.close()

    def _follow_wishes(self) -> None:
        with self._lock:
            wanted = self._wanted
        for uuid, port in list(self._ports.items()):
            number = wanted.get(uuid)
            if uuid not in wanted or (number is not None and number != port.number):
                self._close(uuid)
        for uuid, number in wanted.items():
            if uuid not in self._ports and self._find(uuid) is not None:
                self._open(uuid, number)

    def _open(self, uuid: str, number: int | None) -> None:
        ports = self._range
        if ports is None or self._selector is None:
            return
        listener = _listen(ports, uuid, number)
        if listener is None:
            if uuid not in self._told:
                self._told.add(uuid)
                which = f"port {number}" if number else "any port of console_port_range"
                log.warning("the console of node %s cannot have %s: it is taken", uuid, which)
            return
        self._told.discard(uuid)
        port = _Port(uuid, listener.getsockname()[1], listener)
        self._selector.register(listener, selectors.EVENT_READ, port)
        with self._lock:
            self._ports[uuid] = port

    def _close(self, uuid: str) -> None:
        with self._lock:
            port = self._ports.pop(uuid)
        if port.link:
            self._cut(port.link)
        self._forget(port.listener)

    def _forget(self, channel: socket.socket) -> None:
        if self._selector is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(channel)
        channel.close()

    def _accept(self, port: _Port) -> None:
        try:
            channel, address = port.listener.accept()
        except OSError:
            return
        channel.setblocking(False)
        line = self._find(port.uuid)
        if port.link is not None or line is None or self._selector is None:
            with contextlib.suppress(OSError):
                channel.send(_BUSY)
            channel.close()
            return
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        user = f"somebody at {address[0]}"
        wake = partial(self._rouse)  # one for each connection: watchers are told apart by it
        link = _Link(port, channel, line, user, line.log.end, wake)
        try:
            line.watch(link.wake)
        except ControllerError as error:
            with contextlib.suppress(OSError):
                channel.send(f"\r\n[ingot: {error}]\r\n".encode())
            channel.close()
            return
        port.link = link
        log.info("the console of node %s is connected to by %s", port.uuid, user)
        self._selector.register(channel, selectors.EVENT_READ, link)

    def _cut(self, link: _Link) -> None:
        if link.port.link is not link:
            return
        link.port.link = None
        link.line.unwatch(link.wake)
        if link.keyboard:
            link.line.leave_keyboard(link.keyboard)
        self._forget(link.channel)

    def _hear(self, link: _Link) -> None:
        """Take what is typed, as far as there is room for it."""
        room = _MOST_PENDING_BYTES - len(link.pending)
        if room <= 0 or link.port.link is not link:
            return
        try:
            data = link.channel.recv(room)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._cut(link)
            return
        link.pending += data

    def _work(self, link: _Link) -> None:
        """Type what waits, show what is new; a console that is closed ends the connection."""
        try:
            self._type(link)
            self._show(link)
        except OSError:
            self._cut(link)
            return
        is_stuck = bool(link.unsent) and time.monotonic() - link.moved_at > _STUCK_S
        is_closed = link.line.standing().state is LineState.CLOSED
        if is_stuck or is_closed:
            self._cut(link)
            return
        events = selectors.EVENT_READ if len(link.pending) < _MOST_PENDING_BYTES else 0
        events |= selectors.EVENT_WRITE if link.unsent else 0
        if self._selector is not None:
            self._listen_for(link, events)

    def _listen_for(self, link: _Link, events: int) -> None:
        selector = self._selector
        if selector is None:
            return
        is_registered = link.channel in selector.get_map()
        if not events and is_registered:
            selector.unregister(link.channel)
        elif events and not is_registered:
            selector.register(link.channel, events, link)
        elif events:
            selector.modify(link.channel, events, link)

    def _type(self, link: _Link) -> None:
        """Type; while somebody else has the keyboard, what comes is dropped, and said so."""
        if not link.pending:
            return
        try:
            if not link.keyboard:
                link.keyboard = link.line.take_keyboard(link.user, by_force=False)
                link.typed_bytes = 0
            taken = link.line.type(link.keyboard, bytes(link.pending), link.typed_bytes)
        except ControllerError as error:
            link.keyboard = ""
            link.pending.clear()
            link.unsent += f"\r\n[ingot: {error}]\r\n".encode()
            return
        del link.pending[: taken - link.typed_bytes]
        link.typed_bytes = taken

    def _show(self, link: _Link) -> None:
        while True:
            if not link.unsent:
                begin, data = link.line.log.read(link.place, _PIECE_BYTES)
                if not data:
                    return
                link.place, link.unsent = begin + len(data), data
                link.moved_at = time.monotonic()
            try:
                sent_bytes = link.channel.send(link.unsent)
            except BlockingIOError:
                return
            link.unsent = link.unsent[sent_bytes:]
            link.moved_at = time.monotonic()


def _listen(ports: PortRange, uuid: str, number: int | None) -> socket.socket | None:
    """Return a listening socket: on the port that is asked for, or on one of the range, if it can be the same as before."""
    size = ports.last - ports.first + 1
    begin = zlib.crc32(uuid.encode()) % size
    numbers = [number] if number else [ports.first + (begin + step) % size for step in range(size)]
    for one in numbers:
        family = socket.AF_INET6 if ":" in ports.address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ports.address, one))
            listener.listen(4)
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    return None
