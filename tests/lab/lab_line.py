"""The way of a BMC program to its machine: a question with ``do`` and what belongs to it, and its answer."""

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

Line = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Asks and returns the answer; one question at a time."""


def lab_line(lab: socket.socket) -> Line:
    """Return the way through a socket to the lab: JSON objects, one per line."""
    stream = lab.makefile("rw", encoding="utf-8")

    def ask(question: Mapping[str, Any]) -> dict[str, Any]:
        stream.write(json.dumps(question) + "\n")
        stream.flush()
        answer: dict[str, Any] = json.loads(stream.readline())
        return answer

    return ask
