"""A TCP port for each console that is to have one: what the machine shows goes out, what comes in is typed; as Ironic's ``socat``.

Nobody logs in: whoever reaches the port types. So there is none unless the settings give a range, and they are on loopback unless
the settings say otherwise. One thread has all ports; each has one connection at a time, as Ironic's have
(``max-children=1``). What bounds a connection is in ``tcp_link.py``, who gets which port in ``port_numbers.py``. Where the process has no descriptors
left, nobody is let in for a second.
"""

import contextlib
import errno
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from controller.consoles.number_file import NumberFile
from controller.consoles.port_numbers import PortNumbers, PortRange
from controller.consoles.selector_thread import Ready, SelectorThread
from controller.consoles.shared_line import SharedLine
from controller.consoles.tcp_link import MOST_PENDING_BYTES, Link, watch_over
from controller.errors import ControllerError

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_SLOW_LINE_S = 0.05
_PAUSE_S = 1.0
_BUSY = b"\r\n[ingot: somebody is connected to this console already]\r\n"
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
Find = Callable[[str], SharedLine | None]


@dataclass(eq=False, slots=True)
class _Port:
    """A listening port and its connection."""

    uuid: str
    number: int
    listener: socket.socket
    asked: int | None
    """The number that was asked for when it was opened."""
    link: Link | None = None


class ConsolePorts:
    """All ports of one controller. Any thread may call."""

    def __init__(self, find: Find, ports: PortRange | None, kept: NumberFile | None = None) -> None:
        """Prepare.

        Args:
            find: Returns a console by its node's UUID.
            ports: The range; ``None`` = there are no ports.
            kept: Who had which number before; ``None`` = that is not kept.
        """
        self._find, self._range, self._kept = find, ports, kept
        self._numbers = PortNumbers(ports, kept.read() if kept else {}) if ports else None
        self._written = self._numbers.owners if self._numbers else {}
        self._lock = threading.Lock()
        self._wanted: Mapping[str, int | None] = {}
        self._ports: dict[str, _Port] = {}
        self._told: dict[str, str] = {}
        """What the log says already of nodes that do not get what they ask for."""
        self._accepts_from: float | None = None
        """When somebody is let in again; ``None`` = now."""
        self._thread = SelectorThread(
            "console-ports",
            "the consoles' ports",
            wait_s=self._wait_s,
            turn=self._turn,
            end=self._close_all,
        )

    def keep_alive(self) -> None:
        """Start the thread, if it does not run and there is a range of ports."""
        if self._range is None:
            return
        if not self._thread.is_started:
            log.warning(
                "consoles with the interface ipmitool-socat are typed on at %s, ports %d to %d, by whoever reaches them, without a"
                " password (console_port_range)",
                self._range.address,
                self._range.first,
                self._range.last,
            )
        self._thread.keep_alive()

    def stop(self) -> None:
        """Close all ports."""
        self._thread.stop()

    def want(self, wanted: Mapping[str, int | None]) -> None:
        """Have ports for these nodes and no others; a number = that one, if it is in the range and nobody else's."""
        with self._lock:
            self._wanted = dict(wanted)
            if self._numbers:
                self._numbers.reserve([uuid for uuid, number in wanted.items() if number is None])
        self._thread.rouse()

    def tidy(self, known: Callable[[Collection[str]], Collection[str]]) -> None:
        """Keep no numbers for nodes that are gone; ``known`` returns which of some UUIDs there are, and may ask a database."""
        with self._lock:
            given = self._numbers.uuids() if self._numbers else frozenset()
        gone = given - set(known(given))
        with self._lock:
            if self._numbers:
                self._numbers.forget(gone - self._wanted.keys())

    def url_of(self, uuid: str) -> str | None:
        """Return where a node's console is connected to, as Ironic's ``console_info`` says it; ``None`` = nowhere here."""
        with self._lock:
            port = self._ports.get(uuid)
        if port is None or self._range is None:
            return None
        address = self._range.address
        return f"tcp://{f'[{address}]' if ':' in address else address}:{port.number}"

    def _wait_s(self) -> float:
        is_slow = any(port.link and port.link.pending for port in self._ports.values())
        return _SLOW_LINE_S if is_slow else _LOOK_S

    def _turn(self, ready: Ready) -> None:
        for key, _ in ready:
            port = key.data
            if port is not None and key.fileobj is port.listener:
                self._accept(port)
            elif port is not None and port.link and not port.link.receive():
                self._cut(port)
        self._let_in_again()
        self._follow_wishes()
        self._keep_numbers()
        for port in list(self._ports.values()):
            if port.link:
                self._work(port, port.link)

    def _close_all(self) -> None:
        for uuid in list(self._ports):
            self._close(uuid)

    def _follow_wishes(self) -> None:
        with self._lock:
            wanted = self._wanted
        for uuid, port in list(self._ports.items()):
            if uuid not in wanted or wanted[uuid] != port.asked:
                self._close(uuid)
        if self._accepts_from is not None:
            return
        for uuid, number in wanted.items():
            if uuid not in self._ports and self._find(uuid) is not None:
                self._open(uuid, number)

    def _open(self, uuid: str, asked: int | None) -> None:
        ports, numbers = self._range, self._numbers
        if ports is None or numbers is None:
            return
        taken = {port.number for port in self._ports.values()}
        with self._lock:
            why_not = asked and numbers.why_not(uuid, asked)
            candidates = list(numbers.candidates(uuid, asked, taken))
        try:
            listener = _listen(ports.address, candidates)
        except OSError as error:  # no descriptors
            self._tell(uuid, f"a port now: {error}")
            return
        number = listener.getsockname()[1] if listener else None
        if asked and asked != number:
            self._tell(
                uuid,
                f"port {asked} (ipmi_terminal_port): {why_not or 'something else listens there'}",
            )
        if listener is None or number is None:
            self._tell(uuid, "any port of console_port_range: all are taken")
            return
        if asked == number:
            self._told.pop(uuid, None)
        port = _Port(uuid, number, listener, asked)
        self._thread.watch(listener, selectors.EVENT_READ, port)
        with self._lock:
            numbers.give(uuid, number)
            self._ports[uuid] = port

    def _keep_numbers(self) -> None:
        """Write down who has which number, if that is otherwise than it was written."""
        with self._lock:
            owners = self._numbers.owners if self._numbers else {}
        if self._kept is not None and owners != self._written:
            self._kept.write(owners)
            self._written = owners

    def _tell(self, uuid: str, words: str) -> None:
        if self._told.get(uuid) != words:
            self._told[uuid] = words
            log.warning("the console of node %s cannot have %s", uuid, words)

    def _close(self, uuid: str) -> None:
        with self._lock:
            port = self._ports.pop(uuid)
        self._cut(port)
        self._forget(port.listener)

    def _forget(self, channel: socket.socket) -> None:
        self._thread.forget(channel)
        channel.close()

    def _accept(self, port: _Port) -> None:
        try:
            channel, address = port.listener.accept()
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._let_nobody_in(error)
            return
        line = self._find(port.uuid)
        if port.link is not None or line is None:
            _turn_away(channel, _BUSY)
            return
        user = f"somebody at {address[0]}"
        wake = partial(self._thread.rouse)  # one for each connection: watchers are told apart by it
        try:
            watch_over(channel)
            line.watch(wake)
        except OSError:  # it has gone already
            channel.close()
            return
        except ControllerError as error:
            _turn_away(channel, f"\r\n[ingot: {error}]\r\n".encode())
            return
        port.link = Link(channel=channel, line=line, user=user, wake=wake, place=line.log.end)
        log.info("the console of node %s is connected to by %s", port.uuid, user)
        self._thread.watch(channel, selectors.EVENT_READ, port)

    def _let_nobody_in(self, error: OSError) -> None:
        """Look at no listener for a while: they stay readable, and the thread would do nothing else."""
        if self._accepts_from is None:
            log.warning("no connection to a console's port can be accepted: %s", error)
        self._accepts_from = time.monotonic() + _PAUSE_S
        for port in self._ports.values():
            self._thread.forget(port.listener)

    def _let_in_again(self) -> None:
        if self._accepts_from is None or time.monotonic() < self._accepts_from:
            return
        self._accepts_from = None
        for port in self._ports.values():
            self._thread.watch(port.listener, selectors.EVENT_READ, port)

    def _cut(self, port: _Port) -> None:
        link, port.link = port.link, None
        if link is None:
            return
        link.line.unwatch(link.wake)
        if link.keyboard:
            link.line.leave_keyboard(link.keyboard)
        self._forget(link.channel)

    def _work(self, port: _Port, link: Link) -> None:
        """Type what waits, show what is new; end it where that is due."""
        idle_s = self._range.idle_s if self._range else 0.0
        try:
            link.work()
        except OSError:
            self._cut(port)
            return
        if link.is_over(idle_s):
            self._cut(port)
            return
        events = selectors.EVENT_READ if len(link.pending) < MOST_PENDING_BYTES else 0
        events |= selectors.EVENT_WRITE if link.unsent else 0
        self._thread.watch(link.channel, events, port)


def _turn_away(channel: socket.socket, words: bytes) -> None:
    channel.setblocking(False)
    with contextlib.suppress(OSError):
        channel.send(words)
    channel.close()


def _listen(address: str, numbers: Collection[int]) -> socket.socket | None:
    """Return a listening socket on the first of these ports that is free; raises ``OSError`` where there can be none at all."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for number in numbers:
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, number))
            listener.listen(4)
        except OSError:
            listener.close()
            continue
        listener.setblocking(False)
        return listener
    return None
