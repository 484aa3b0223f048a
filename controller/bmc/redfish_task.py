"""Tasks of a Redfish service (DMTF DSP0266, asynchronous operations): which there are, and how one goes on. What is read is judged by pure functions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from sushy import exceptions
from sushy.resources.base import ResourceBase

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_document import address, dig, link, listed, read_if_there, text

_MOST_WORDS = 300
_MOST_PAYLOAD_LETTERS = 64 * 1024
_PUSHES = ("HttpPushUri", "MultipartHttpPushUri")
_ENDED_WELL = frozenset({"Completed"})
_ENDED_BADLY = frozenset({"Exception", "Killed", "Cancelled", "Interrupted"})
_WAITS_FOR_START = frozenset({"New", "Pending", "Starting", "Suspended"})


class Progress(StrEnum):
    """How far a task is."""

    RUNS = "runs"
    WAITS = "waits"
    """It is there and does nothing: many wait so for a start of the machine."""
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"
    """The BMC does not know it, as after a restart: what came of it has to be seen elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLook:
    """A task at one moment."""

    progress: Progress
    words: str = ""
    """The BMC's, bounded and on one line."""


def tasks(near: ResourceBase) -> tuple[str, ...]:
    """Return the addresses of all tasks; empty where the BMC has no task service."""
    service = read_if_there(near, link(near.root.json, "Tasks"))
    return tuple(listed(near, link(service.body, "Tasks"))) if service else ()


def task_of(answer: requests.Response) -> str | None:
    """Return the task that an answer tells of; ``None`` = the order was carried out at once."""
    try:
        body = answer.json() if answer.content else {}
    except ValueError:
        body = {}
    named = link({"it": body}, "it") if "Task" in (text(body, "@odata.type") or "") else None
    monitor = address(answer.headers.get("Location"))
    if answer.status_code != HTTPStatus.ACCEPTED and named is None:
        return None
    return named or monitor


def look(near: ResourceBase, task: str) -> TaskLook:
    """Return how a task, or its monitor, stands."""
    try:
        answer = near._conn.get(path=task)  # noqa: SLF001  # sushy's own monitor takes a failed task's answer for one of the BMC
    except exceptions.ResourceNotFoundError:
        return TaskLook(progress=Progress.GONE)
    try:
        body = answer.json() if answer.content else {}
    except ValueError:
        body = {}
    return judge(answer.status_code, body)


def is_for(near: ResourceBase, task: str, url: str, target: str | None) -> bool | None:
    """Say whether a task is of an update with this image (``Payload``, DSP2046); one whose order went elsewhere than to the update service is not.

    Args:
        near: Of the service.
        task: The task's address.
        url: Where the image is.
        target: What the update is for; ``None`` = the BMC finds out.

    Returns:
        ``None`` = the BMC does not tell.
    """
    found = read_if_there(near, task)
    payload = dig(found.body, "Payload") if found else None
    told = is_order_for(dig(payload, "JsonBody"), url, target)
    if told is not None:
        return told
    place, service = text(payload, "TargetUri"), link(near.root.json, "UpdateService")
    return None if place is None or service is None else _takes_updates(near, service, place)


def _takes_updates(near: ResourceBase, service: str, place: str) -> bool | None:
    """Say ``False`` of a place that the update service takes no images at, and else ``None``."""
    path = urlsplit(place).path
    if path.startswith(f"{service.rstrip('/')}/"):
        return None
    found = read_if_there(near, service)
    pushes = [text(found.body, name) for name in _PUSHES] if found else []
    return None if path in {urlsplit(one).path for one in pushes if one} else False


def is_order_for(payload: object, url: str, target: str | None) -> bool | None:
    """Say whether an order's body, as a BMC keeps it (``JsonBody``), is that of an update with this image. Pure.

    An image that was pushed has no address there: its order is known by what it is for. ``None`` = the body does not tell.
    """
    if not isinstance(payload, str) or len(payload) > _MOST_PAYLOAD_LETTERS:
        return None
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    image, targets = dig(body, "ImageURI"), dig(body, "Targets")
    if isinstance(image, str):
        return image == url
    if isinstance(targets, list) and targets and target is not None:
        return target in targets
    return None


def judge(status: int, body: Mapping[str, Any]) -> TaskLook:
    """Return what an answer about a task means. Pure.

    Args:
        status: Of the answer; 202 = it runs (a monitor has maybe no body then).
        body: A ``Task``, or what the order gives when it is done.
    """
    state, said = text(body, "TaskState"), _words(body)
    if state in _ENDED_BADLY or (state in _ENDED_WELL and text(body, "TaskStatus") == "Critical"):
        return TaskLook(progress=Progress.FAILED, words=said or f"its task is {state}")
    if state in _ENDED_WELL or (state is None and status != HTTPStatus.ACCEPTED):
        return TaskLook(progress=Progress.DONE, words=said)
    percent = dig(body, "PercentComplete")
    shown = f"{state or 'Running'}{f' {percent} %' if isinstance(percent, int) else ''}"
    progress = Progress.WAITS if state in _WAITS_FOR_START and not percent else Progress.RUNS
    return TaskLook(progress=progress, words=f"{shown}: {said}" if said else shown)


def _words(body: Mapping[str, Any]) -> str:
    listed = dig(body, "Messages")
    messages = listed if isinstance(listed, list) else []
    said = [text(one, "Message") or text(one, "MessageId") for one in messages[-3:]]
    return clean_line("; ".join(one for one in said if one), _MOST_WORDS)
