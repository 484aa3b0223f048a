"""The server: cheroot's reading and writing of HTTP, an event loop before it, pools of threads behind it.

No thread is taken before a request is there, head and (up to a size) body. Then its path says which pool serves it, so
that one kind of caller cannot take the others' threads; files are sent without a thread of their own. What still comes
or is read slowly has deadlines. Every limit is in ``bounds.py``.
"""

import logging
import math
import resource
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from cheroot.wsgi import Server

from agent.protocol.http_server.bounds import Bounds, PoolSize
from agent.protocol.http_server.complaints import Complaints
from agent.protocol.http_server.connection import Connection
from agent.protocol.http_server.feeds import FeedSender
from agent.protocol.http_server.files import Sender
from agent.protocol.http_server.heads import Head
from agent.protocol.http_server.loop import Loop
from agent.protocol.http_server.pools import Pool
from agent.protocol.http_server.upgrades import HandedOver, Upgrade

_ARRIVING_PART = 8
"""This part of a pool, in threads beside it, serves bodies that are not there yet: large ones, and those in chunks."""
_OTHER_DESCRIPTORS = 256
_STEP_S = 0.05
_BACKLOG = 256
_CALLER_CHARS = 100
"""Of a path; a heartbeat's with the UUID has 52."""


class BoundedServer(Server):
    """A WSGI server for strangers."""

    def __init__(
        self,
        address: tuple[str, int],
        app: Any,
        *,
        pools: Mapping[str, PoolSize],
        bounds: Bounds,
        route: Callable[[str], str] | None = None,
        tls: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            address: Host and port.
            app: The WSGI application; where it answers with ``FileParts`` or a ``Feed``, that is sent without a thread; an ``Upgrade`` gets the connection.
            pools: How many requests each serves at a time, by name.
            bounds: What clients may cost.
            route: Which pool serves a path; without it the first.
            tls: Speak TLS.
            options: Cheroot's.
        """
        super().__init__(address, app, request_queue_size=_BACKLOG, **options)
        first = next(iter(pools))
        self._route = route or (lambda _path: first)
        self.tls = tls
        self.bounds = replace(bounds, connections=_possible(bounds))
        self.max_request_header_size = bounds.head_bytes + 1
        self.max_request_body_size = bounds.body_bytes
        self._pools = {name: Pool(name, size) for name, size in pools.items()}
        self._arriving = {
            name: Pool(f"{name}, large", PoolSize.of(max(2, size.threads // _ARRIVING_PART)))
            for name, size in pools.items()
        }
        self.requests = _NoThreads()  # cheroot's own are not used
        self.complaints = Complaints()
        self._all_pools = (*self._pools.values(), *self._arriving.values())
        self.loop = Loop(self, self.bounds, self._dispatch, self._look)
        self.sender = Sender(self.bounds, self._after_transfer)
        self.feeds = FeedSender(self.bounds, self.loop.give_back)
        self._lock = threading.Lock()
        self._busy: set[Connection] = set()

    @property
    def busy_connections(self) -> int:
        """How many connections threads are at."""
        with self._lock:
            return len(self._busy)

    @property
    def can_add_keepalive_connection(self) -> bool:
        """Say yes, until the server stops."""
        return bool(self.ready)

    def prepare(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be used.
        """
        super().prepare()
        self._connections.close()  # type: ignore[attr-defined]  # cheroot's own loop; not in its stub

    def serve(self) -> None:
        """Serve until :meth:`stop`."""
        self.sender.start()
        self.feeds.start()
        self.loop.run(self.socket)

    def stop(self) -> None:
        """Stop listening, wait ``shutdown_timeout`` seconds for running requests, then cut their connections."""
        if not self.ready:
            return
        self.ready = False
        self.loop.stop(self.shutdown_timeout)
        self.socket.close()
        for pool in self._all_pools:
            pool.stop()
        end = time.monotonic() + self.shutdown_timeout
        while self.busy_connections and time.monotonic() < end:
            time.sleep(_STEP_S)
        with self._lock:
            for conn in self._busy:
                conn.channel.cut()
        self.sender.stop(self.shutdown_timeout)
        self.feeds.stop(self.shutdown_timeout)
        for pool in self._all_pools:
            pool.join(max(_STEP_S, end - time.monotonic()))
        self.loop.close()

    def _look(self) -> float:
        waits = [wait_s for pool in self._all_pools if (wait_s := pool.look()) is not None]
        return min(waits, default=math.inf)

    def _dispatch(self, conn: Connection, head: Head, is_ready: bool) -> bool:
        name = self._route(head.path)
        pool = (self._pools if is_ready else self._arriving)[name]
        serve = partial(self._serve, conn, self._pools[name])
        caller = f"{conn.party} {head.path[:_CALLER_CHARS]}"
        is_taken = pool.offer(conn.party, serve, partial(self.loop.turn_away, conn), caller=caller)
        if not is_taken:
            self.complaints.note(f"the queue for {pool.name} is", conn.party)
        return is_taken

    def _serve(self, conn: Connection, pool: Pool) -> None:
        """Answer one request; in a pool's thread."""
        with self._lock:
            self._busy.add(conn)
        is_kept = False
        try:
            is_kept = bool(conn.communicate())  # type: ignore[no-untyped-call]  # cheroot's stub
        except OSError as error:  # while the server answered an error
            self.error_log(f"the connection of {conn.remote_addr} broke: {error}", logging.INFO)
        except Exception:  # noqa: BLE001 - whatever it is, the thread is needed
            self.error_log("a request ended the wrong way", logging.ERROR, traceback=True)
        finally:
            with self._lock:
                self._busy.discard(conn)
        conn.is_last = not (is_kept and self.ready)
        if conn.feed is not None:
            self.feeds.add(conn)
        elif conn.upgrade is not None:
            self._hand_over(conn, conn.upgrade)
        elif conn.transfer is None:
            self.loop.give_back(conn)
        else:
            conn.pool = pool
            self.sender.add(conn)

    def _hand_over(self, conn: Connection, upgrade: Upgrade) -> None:
        """Give a connection away; it comes back to be closed."""
        conn.is_last, conn.upgrade = True, None
        handed = HandedOver(conn, self.loop.give_back)
        try:
            upgrade.begin(handed)
        except Exception:  # noqa: BLE001 - the thread is needed
            self.error_log("a connection could not be given away", logging.ERROR, traceback=True)
            handed.end()

    def _after_transfer(self, conn: Connection, is_whole: bool) -> None:
        """Give a connection back whose file was sent; what its end is noted in may take a thread's time."""
        part, conn.transfer = conn.transfer, None
        conn.is_last = conn.is_last or not is_whole
        if not is_whole:
            conn.channel.cut()
        self.loop.give_back(conn)
        if part is not None and not (conn.pool and conn.pool.offer(None, part.close, part.close)):
            part.close()


class _NoThreads:
    def start(self) -> None:
        """Start nothing."""


def _possible(bounds: Bounds) -> int:
    """Return how many connections this process may have descriptors for, after asking for more of them.

    A transfer needs two; the database, the log and programs need some.
    """
    needed = bounds.connections + bounds.transfers + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = min(needed, hard) if hard != resource.RLIM_INFINITY else needed
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(bounds.connections, soft - bounds.transfers - _OTHER_DESCRIPTORS))
