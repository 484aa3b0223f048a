"""Sends requests over a few persistent connections and takes the time of each."""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 4
_TIMEOUT_S = 120
_HEADERS = {
    "X-OpenStack-Ironic-API-Version": "1.100",
    "Content-Type": "application/json",
    "Accept": "application/json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; ``body`` is sent as JSON."""

    method: str
    path: str
    body: Any = None


@dataclass(slots=True, kw_only=True)
class Answers:
    """What came back; ``documents`` in the order of the requests, ``None`` for an empty or failed one."""

    seconds: float
    latencies_s: list[float]
    errors: list[str]
    body_bytes: int
    documents: list[Any]


@dataclass(slots=True)
class _Shared:
    """What the connections share."""

    requests: Sequence[Request]
    documents: list[Any]
    lock: threading.Lock = field(default_factory=threading.Lock)
    next: int = 0
    latencies_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    body_bytes: int = 0

    def take(self) -> int | None:
        """Return the number of the next request."""
        with self.lock:
            self.next += 1
            return self.next - 1 if self.next <= len(self.requests) else None


def send(url: str, requests: Sequence[Request], connections: int = CONNECTIONS) -> Answers:
    """Send all requests, each as soon as one of the connections is free."""
    shared = _Shared(requests, [None] * len(requests))
    threads = [threading.Thread(target=_work, args=(url, shared)) for _ in range(connections)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Answers(
        seconds=time.monotonic() - started,
        latencies_s=shared.latencies_s,
        errors=shared.errors,
        body_bytes=shared.body_bytes,
        documents=shared.documents,
    )


def _work(url: str, shared: _Shared) -> None:
    address = urlsplit(url).netloc
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_S)
    while (number := shared.take()) is not None:
        request = shared.requests[number]
        body = None if request.body is None else json.dumps(request.body)
        began = time.monotonic()
        try:
            connection.request(request.method, request.path, body=body, headers=_HEADERS)
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # the next request opens it again
            shared.errors.append(f"{request.method} {request.path}: {error!r}")
            continue
        shared.latencies_s.append(time.monotonic() - began)
        with shared.lock:
            shared.body_bytes += len(content)
        if reply.status >= http.HTTPStatus.BAD_REQUEST:
            shared.errors.append(f"{request.path}: {reply.status} {content[:200].decode()}")
        elif content:
            shared.documents[number] = json.loads(content)
    connection.close()
