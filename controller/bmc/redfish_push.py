"""Firmware that the controller pushes to a BMC that fetches none itself (DMTF DSP2046, UpdateService: ``MultipartHttpPushUri``, ``HttpPushUri``).

A push takes longer than a call to a BMC may: it runs beside, in a thread of its own with a session of its own, at most a few at a time;
others wait in their step, which asks again. What is known of it is known in this process alone; a step that finds nobody pushing asks the BMC for a new task, and else begins anew.
"""

import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import urljoin

from sushy import exceptions
from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from agent.protocol.web_address import MOST_REDIRECTS, shown_url
from controller.bmc import redfish_task
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_document import dig, link, read_if_there, text
from controller.bmc.redfish_errors import NotOfferedError
from controller.bmc.redfish_sessions import Sessions
from controller.bmc.redfish_target import RedfishTarget
from controller.errors import ControllerError
from controller.peers.http import Answer, Limits, PeerFailed, to_image_server

_MOST_AT_ONCE = 4
_MOST_KEPT = 1000
ABANDONED_S = 60.0
"""Steps look every few seconds (``power_check_interval_s``); one that was aborted, or whose node another controller has now, does not."""
_MOST_BYTES = 1 << 30
"""Of an image, unless the BMC says less."""
_BLOCK_BYTES = 1 << 20
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A push at one moment."""

    message: str = "the image is about to be pushed"
    has_ended: bool = False
    task: str | None = None
    """Of the BMC, when it has ended; ``None`` = the BMC says that it is done."""
    failure: str | None = None
    """Why it failed, in words."""


class _AbandonedError(Exception):
    """No step asks for the push any more."""


@dataclass(slots=True, kw_only=True)
class _Record:
    """A push, and who still cares."""

    ends_at: float
    """By ``time.monotonic()``."""
    looked_at: float
    push: Push = field(default_factory=Push)
    is_told: bool = False
    """Its end has been seen."""


class Pushes:
    """The pushes of this process: one thread for each, at most four at once, and none that waits."""

    def __init__(
        self, limit_s: float, *, abandoned_s: float = ABANDONED_S, most_kept: int = _MOST_KEPT
    ) -> None:
        """Start nothing.

        Args:
            limit_s: The longest time of one push, the image's way to the controller included.
            abandoned_s: A push that nobody has looked at for so long is not sent any more.
            most_kept: So many are known, those that have ended included.
        """
        self._limit_s, self._abandoned_s, self._most_kept = limit_s, abandoned_s, most_kept
        self._turns = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._lock = threading.Lock()
        self._known: dict[str, _Record] = {}

    def begin(self, target: RedfishTarget, url: str, part: str | None) -> str | None:
        """Begin a push and return its name; ``None`` = as many as may be go on, ask again."""
        if not self._turns.acquire(blocking=False):
            return None
        name, now = str(uuid.uuid4()), time.monotonic()
        with self._lock:
            self._forget_oldest()
            self._known[name] = _Record(ends_at=now + self._limit_s, looked_at=now)
        work = threading.Thread(
            target=self._carry_out, args=(name, target, url, part), name="firmware", daemon=True
        )
        try:
            work.start()
        except RuntimeError:  # no thread is to be had
            with self._lock:
                del self._known[name]
            self._turns.release()
            return None
        return name

    def look(self, name: str) -> Push | None:
        """Return how a push stands, which goes on for that; ``None`` = this process knows nothing of it."""
        with self._lock:
            if (record := self._known.get(name)) is None:
                return None
            record.looked_at, record.is_told = time.monotonic(), record.push.has_ended
            return record.push

    def _forget_oldest(self) -> None:
        """Make room: first of those whose end has been told; those that go on are few and stay."""
        while len(self._known) >= self._most_kept:
            ended = [name for name, one in self._known.items() if one.push.has_ended]
            told = [name for name in ended if self._known[name].is_told]
            if not ended:
                return
            del self._known[(told or ended)[0]]

    def _carry_out(self, name: str, target: RedfishTarget, url: str, part: str | None) -> None:
        found = Push(has_ended=True, failure="the push broke off; the controller's log says why")
        try:
            task = self._push(name, target, url, part)
            found = Push(message="the image was pushed", has_ended=True, task=task)
        except _AbandonedError:
            with self._lock:
                del self._known[name]
            return
        except (ControllerError, PeerFailed, OSError, ValueError) as error:
            words = clean_line(str(error), 2 * _SHOWN)
            found = Push(has_ended=True, failure=words or type(error).__name__)
        finally:
            self._note(name, found)
            self._turns.release()

    def _push(self, name: str, target: RedfishTarget, url: str, part: str | None) -> str | None:
        sessions = Sessions()
        calls = RedfishCalls(target, sessions)
        try:
            place = calls.ask("push firmware", self._left_s(name), _place)
            with tempfile.TemporaryFile() as image:
                self._note(name, Push(message="the image is fetched"))
                _fetch(url, image, place.most_bytes, self._left_s(name))
                left_s = self._left_s(name)
                self._note(name, Push(message="the image is pushed"))
                return calls.ask(
                    "push firmware",
                    left_s,
                    lambda system: self._send(name, system, place, image, part),
                )
        finally:
            sessions.close()

    def _send(
        self, name: str, system: System, place: "_Place", image: IO[bytes], part: str | None
    ) -> str | None:
        """Push, if a step still waits for it: by now the machine may be somebody's."""
        self._left_s(name)
        return _send(system, place, _Body(image, _parameters(place, part)))

    def _left_s(self, name: str) -> float:
        """Return how much time is left.

        Raises:
            TimeoutError: None.
            _AbandonedError: Nobody has looked for long.
        """
        with self._lock:
            record = self._known[name]
            if time.monotonic() - record.looked_at > self._abandoned_s:
                raise _AbandonedError
            left_s = record.ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError(
                f"the image was not pushed within {self._limit_s:.0f} s (firmware_update_timeout_s)"
            )
        return left_s

    def _note(self, name: str, push: Push) -> None:
        with self._lock:
            if name in self._known:
                self._known[name].push = push


def can_push(system: System) -> bool:
    """Say whether the BMC takes images that are pushed."""
    try:
        _place(system)
    except NotOfferedError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where images are pushed to."""

    path: str
    is_multipart: bool
    most_bytes: int
    is_immediate: bool
    """The BMC wants to be told when an update shall be made."""


class _Body:
    """The body of a push: parameters and an image, read from a file while it is sent."""

    def __init__(self, image: IO[bytes], parameters: bytes | None) -> None:
        self._image = image
        self.boundary = uuid.uuid4().hex
        head, tail = _parts(self.boundary, parameters) if parameters is not None else (b"", b"")
        self._left: list[bytes | None] = [head, None, tail]
        self._bytes = len(head) + image.seek(0, 2) + len(tail)
        image.seek(0)

    def __len__(self) -> int:
        return self._bytes

    def __iter__(self) -> Iterator[bytes]:
        """By this, requests knows that it is a body to be read."""
        while block := self.read():
            yield block

    def read(self, size: int = _BLOCK_BYTES, /) -> bytes:
        """Return the next bytes, at most so many; empty at the end."""
        size = size if size > 0 else _BLOCK_BYTES
        while self._left:
            now = self._left[0]
            if now is None:
                block = self._image.read(size)
            else:
                block, self._left[0] = now[:size], now[size:]
            if block:
                return block
            self._left.pop(0)
        return b""


def _place(system: System) -> _Place:
    service = read_if_there(system, link(system.root.json, "UpdateService"))
    body: Any = service.body if service else {}
    multipart, plain = text(body, "MultipartHttpPushUri"), text(body, "HttpPushUri")
    path = multipart or plain
    if path is None:
        raise NotOfferedError("firmware updates by HTTP", "update it at the BMC's own page")
    most = dig(body, "MaxImageSizeBytes")
    times = dig(body, "MultipartHttpPushUri@Redfish.OperationApplyTimeSupport", "SupportedValues")
    return _Place(
        path=path,
        is_multipart=multipart is not None,
        most_bytes=most if isinstance(most, int) and 0 < most < _MOST_BYTES else _MOST_BYTES,
        is_immediate=isinstance(times, list) and "Immediate" in times,
    )


def _parameters(place: _Place, part: str | None) -> bytes | None:
    if not place.is_multipart:
        return None
    wanted: dict[str, Any] = {"Targets": [part] if part else []}
    if place.is_immediate:
        wanted["@Redfish.OperationApplyTime"] = "Immediate"
    return json.dumps(wanted).encode()


def _parts(boundary: str, parameters: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the image (RFC 7578)."""
    line = f"--{boundary}\r\n".encode()
    head = (
        line
        + b'Content-Disposition: form-data; name="UpdateParameters"\r\nContent-Type: application/json\r\n\r\n'
        + parameters
        + b"\r\n"
        + line
        + b'Content-Disposition: form-data; name="UpdateFile"; filename="firmware.bin"\r\n'
        + b"Content-Type: application/octet-stream\r\n\r\n"
    )
    return head, f"\r\n--{boundary}--\r\n".encode()


def _fetch(url: str, image: IO[bytes], most_bytes: int, limit_s: float) -> None:
    """Fetch an image into a file.

    Raises:
        OSError: It cannot be had; the text says why.
    """
    where = clean_line(shown_url(url), _SHOWN)

    def write(_answer: Answer, piece: bytes) -> None:
        image.write(piece)

    sink: Callable[[Answer, bytes], None] = write
    limits = Limits(total_s=limit_s, most_bytes=most_bytes)
    try:
        with to_image_server(url) as door:
            answer = door.call("GET", url, limits, most_redirects=MOST_REDIRECTS, sink=sink)
    except PeerFailed as error:
        raise OSError(
            f"the image at {where} cannot be fetched by the controller: its server {error}"
        ) from error
    if not answer.is_ok or image.tell() == 0:
        raise OSError(f"the image at {where} cannot be fetched: its server answers {answer.status}")


def _send(system: System, place: _Place, body: _Body) -> str | None:
    """Push, and return the task; ``None`` = the BMC says that it is done."""
    kind = (
        f"multipart/form-data; boundary={body.boundary}"
        if place.is_multipart
        else "application/octet-stream"
    )
    headers = {"Content-Type": kind, "Content-Length": str(len(body))}
    connector = system._conn  # noqa: SLF001  # sushy sends nothing but JSON: its session of requests does, logged in as it is
    where = urljoin(connector._url, place.path)  # noqa: SLF001  # see above
    answer = connector._session.post(where, data=body, headers=headers)  # noqa: SLF001  # see above
    exceptions.raise_for_response("POST", where, answer)
    return redfish_task.task_of(answer)
