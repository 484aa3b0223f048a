"""One SSH session at a console: shows it, and types on it where that is allowed and nobody else does."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

import asyncssh
from sqlalchemy.exc import SQLAlchemyError

from controller.api.access.asking import may, require
from controller.api.access.grants import Target
from controller.api.access.principal import Principal
from controller.api.access.sight import NODE_GET
from controller.consoles.shared_line import LineState, SharedLine
from controller.errors import Conflict, ControllerError
from controller.store.nodes import no_node, read_node
from controller.workflow.consoles import console_of
from controller.workflow.services import Services

log = logging.getLogger(__name__)

Ask = Callable[[], Awaitable[Principal | None]]
Process = asyncssh.SSHServerProcess[bytes]
_GET, _SET = "baremetal:node:get_console", "baremetal:node:set_console_state"
_TAIL_BYTES = 4096
_PIECE_BYTES = 16 * 1024
_TYPED_BYTES = 1024
_SLOW_LINE_S = 0.05
_LOOK_S = 5.0
_LONGEST_S = 3600.0
_ASK_S = 15.0
"""So often who it is and what they may is looked at anew."""
_WAYS = ("", "watch", "force")


def find_line(services: Services, principal: Principal, ident: str) -> tuple[SharedLine, bool]:
    """Return a node's console, and whether the principal may type there.

    Raises:
        NotFound: There is no such node, or the principal does not see it.
        Forbidden: It may not reach the console.
        Conflict: The console is switched off, or another controller's.
    """
    with services.store.read() as session:
        row = read_node(session, ident, ("uuid", "owner", "lessee"))
    target = Target(owner=row.owner, lessee=row.lessee)
    if not may(principal, NODE_GET, target):
        raise no_node(ident)
    require(principal, _GET, target)
    line = console_of(services, row.uuid)
    if line.whose != (row.owner or ""):
        raise Conflict("the node was given away just now; log in again")
    return line, may(principal, _SET, target)


async def serve(services: Services, ask: Ask, ident: str, process: Process) -> None:
    """Serve a session to its end; ``watch`` as its command only watches, ``force`` takes the keyboard from somebody.

    ``ask`` returns who it is by what the controller knows now; rights that are taken away end the session.
    """
    way = (process.command or "").strip()
    try:
        if way not in _WAYS:
            raise Conflict(f"{way!r:.50} is no command here: none, watch or force")
        user, line, may_type = await _rights(services, ask, ident)
        log.info("%s is at the console of %s by SSH", user or "somebody", ident)
        typist = _Typist(line, user or "somebody by SSH", by_force=way == "force")
        types = may_type and way != "watch"
        still = partial(_require_still, services, ask, ident, line, types=types)
        await _share(line, process, typist if types else None, still)
    except ControllerError as error:
        process.stderr.write(f"ingot: {error}\r\n".encode())
        process.exit(1)
    except SQLAlchemyError:
        process.stderr.write(b"ingot: the controller cannot read its database; try again\r\n")
        process.exit(1)
    except (asyncssh.Error, OSError, asyncio.IncompleteReadError):
        process.close()  # the client is gone
    else:
        process.exit(0)


async def _rights(services: Services, ask: Ask, ident: str) -> tuple[str | None, SharedLine, bool]:
    """Return whose session it is, the console, and whether they may type; raises as :func:`find_line`."""
    principal = await ask()
    if principal is None:
        raise Conflict("your password or key does not count any more")
    look = partial(find_line, services, principal, ident)
    line, may_type = await asyncio.get_running_loop().run_in_executor(None, look)
    return principal.user, line, may_type


async def _require_still(
    services: Services, ask: Ask, ident: str, line: SharedLine, *, types: bool
) -> None:
    """Raise ``ControllerError`` if the session would not begin as it did."""
    try:
        _, found, may_type = await _rights(services, ask, ident)
    except SQLAlchemyError:
        return  # it is asked again; after an hour at the latest the session ends
    if found is not line:
        raise Conflict("the console was opened anew; log in again")
    if types and not may_type:
        raise Conflict("you may not type on this console any more; log in again to watch it")


class _Typist:
    """What one session types."""

    def __init__(self, line: SharedLine, user: str, *, by_force: bool) -> None:
        self._line, self._user, self._by_force = line, user, by_force
        self._keyboard, self._typed_bytes = "", 0

    async def type(self, data: bytes) -> None:
        """Type all of it; waits where the line is slow. Raises ``Conflict`` if somebody else has the keyboard."""
        self._take()
        begin = self._typed_bytes
        while self._typed_bytes < begin + len(data):
            try:
                self._typed_bytes = self._line.type(self._keyboard, data, begin)
            except ControllerError:
                self._keyboard = ""
                raise
            if self._typed_bytes < begin + len(data):
                await asyncio.sleep(_SLOW_LINE_S)

    def send_break(self) -> None:
        """Send a break; raises as :meth:`type`."""
        self._take()
        self._line.send_break(self._keyboard)

    def leave(self) -> None:
        """Give the keyboard back."""
        if self._keyboard:
            self._line.leave_keyboard(self._keyboard)

    def _take(self) -> None:
        if not self._keyboard:
            self._keyboard = self._line.take_keyboard(self._user, by_force=self._by_force)
            self._typed_bytes, self._by_force = 0, False


async def _share(
    line: SharedLine,
    process: Process,
    typist: _Typist | None,
    still: Callable[[], Awaitable[None]],
) -> None:
    loop, news = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(news.set)

    line.watch(wake)
    jobs = [
        asyncio.create_task(_show(line, process, news)),
        asyncio.create_task(_listen(process, typist)),
    ]
    try:
        end = loop.time() + _LONGEST_S
        while not any(job.done() for job in jobs):
            if loop.time() > end:
                raise Conflict("an hour is over; log in again")
            done, _ = await asyncio.wait(jobs, timeout=_ASK_S, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                await still()
        for job in jobs:
            if job.done():
                job.result()
    finally:
        line.unwatch(wake)
        if typist is not None:
            typist.leave()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def _show(line: SharedLine, process: Process, news: asyncio.Event) -> None:
    """Show what is stored from a little before the end on; ends when the console is closed."""
    place = max(line.log.end - _TAIL_BYTES, line.log.begin)
    said = ""
    while True:
        news.clear()
        begin, data = line.log.read(place, _PIECE_BYTES)
        if data:
            place = begin + len(data)
            process.stdout.write(data)
            await process.stdout.drain()
            continue
        standing = line.standing()
        if standing.state is LineState.CLOSED:
            raise Conflict(f"the console is closed: {standing.reason}")
        words = "" if standing.state is LineState.OPEN else f"{standing.state}: {standing.reason}"
        if words and words != said:
            process.stderr.write(f"\r\n[ingot: the console is {words}]\r\n".encode())
        said = words
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), _LOOK_S)


async def _listen(process: Process, typist: _Typist | None) -> None:
    """Type what comes; ends when the client sends no more. What cannot be typed is said once a second."""
    told_at = -1.0
    while True:
        try:
            data = await process.stdin.read(_TYPED_BYTES)
            is_break = False
        except asyncssh.BreakReceived:
            data, is_break = b"", True
        except (asyncssh.TerminalSizeChanged, asyncssh.SignalReceived):
            continue
        if not data and not is_break:
            return
        try:
            if typist is None:
                raise Conflict("you only watch this console")
            if is_break:
                typist.send_break()
            else:
                await typist.type(data)
        except ControllerError as error:
            if time.monotonic() - told_at > 1.0:
                told_at = time.monotonic()
                process.stderr.write(f"\r\n[ingot: {error}]\r\n".encode())
