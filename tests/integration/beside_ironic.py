"""The same requests to our API and to real Ironic's, and what of the two answers must be the same.

Ours runs in the test's process on a database without an engine; theirs is a process of its own with SQLite. States that only a
workflow brings about are written past both APIs. Of a refusal only the status is compared: the words are each one's own.
"""

import random
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import requests

from tests.bench.servers.server import Server
from tests.bench.servers.start import has_real_ironic, real_ironic
from tests.integration.controller_api import Api, make_api

LATEST = 115
BESIDE_IRONIC = (
    pytest.mark.interop,
    pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic"),
)
_DATES = ("created_at", "updated_at", "provision_updated_at")
_OURS = "http://localhost"
_TIMEOUT_S = 120
Settings = Mapping[str, Any]
NO_SETTINGS: Settings = MappingProxyType({})
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: ``document`` is ``None`` for a refusal or an empty body; dates and addresses are made alike."""

    status: int
    document: Any


class Beside:
    """Both servers; what they hold is the same as long as nobody asks only one of them."""

    def __init__(self, ours: Api, theirs: Server, chance: random.Random) -> None:
        self.ours = ours
        self.theirs = theirs
        self.chance = chance
        self.differences: list[str] = []
        self.headers: Mapping[str, str] = {}
        """What every request has, unless it says something else."""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        minor: int = LATEST,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> tuple[Said, Said]:
        """Return our answer and theirs."""
        headers = headers or self.headers
        reply = self.ours.call(method, path, body, version=f"1.{minor}", headers=headers)
        ours = _said(reply.status_code, reply.get_json() if reply.data else None, _OURS)
        answer = requests.request(
            method,
            self.theirs.url + path,
            json=body,
            headers={"X-OpenStack-Ironic-API-Version": f"1.{minor}", **headers},
            timeout=_TIMEOUT_S,
        )
        theirs = answer.json() if answer.content else None
        return ours, _said(answer.status_code, theirs, self.theirs.url)

    def same(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        minor: int = LATEST,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Said:
        """Ask both, note what is not the same, and return what they say."""
        ours, theirs = self.ask(method, path, body, minor=minor, headers=headers)
        if ours != theirs:
            what = f"{method} {path} {body} {dict(headers) or ''} at 1.{minor}"
            self.differences.append(f"{what}: {_difference(ours, theirs)}")
        return theirs

    def ok(self, method: str, path: str, body: Any = None, *, minor: int = LATEST) -> Any:
        """Ask both, which must succeed alike; returns the document."""
        said = self.same(method, path, body, minor=minor)
        assert said.status < 300, f"{method} {path} {body} at 1.{minor}: {said}"
        return said.document

    def refused(
        self, status: int, method: str, path: str, body: Any = None, *, minor: int = LATEST
    ) -> None:
        """Ask both, which must refuse with this status."""
        said = self.same(method, path, body, minor=minor)
        assert said.status == status, f"{method} {path} {body} at 1.{minor}: {said}"

    def uuid(self) -> str:
        """Return a new UUID, the same one in every run."""
        return str(UUID(int=self.chance.getrandbits(128), version=4))

    def node(self, **values: Any) -> str:
        """Create a node of the fake driver in both, and return its UUID."""
        uuid = self.uuid()
        body = {"uuid": uuid, "driver": "fake-hardware"} | values
        for said in self.ask("POST", "/v1/nodes", body):
            assert said.status == 201, said
        return uuid

    def set_node(self, uuid: str, **columns: Any) -> None:
        """Write columns that both tables of nodes have."""
        self.ours.set_row(uuid, **columns)
        assigned = ", ".join(f"{name} = ?" for name in columns)
        with sqlite3.connect(self.theirs.database, timeout=30) as database:
            values = (*columns.values(), uuid)
            database.execute(
                f"UPDATE nodes SET {assigned} WHERE uuid = ?", values
            )  # the test's own names
        database.close()


@contextmanager
def beside_ironic(
    folder: Path,
    conductor: Settings = NO_SETTINGS,
    *,
    program: Path | None = None,
    auth: str = "noauth",
    more: Mapping[str, Any] = NO_SETTINGS,
    **settings: Any,
) -> Iterator[Beside]:
    """Start both servers; ``conductor`` are settings that ours and Ironic's section of this name have in common.

    ``program``, ``auth`` and what is in ``more`` are Ironic's (``real_ironic``), ``settings`` ours.
    """
    (folder / "ours").mkdir()
    (folder / "theirs").mkdir()
    ours = make_api(folder / "ours", **conductor, **settings)
    with real_ironic(folder / "theirs", conductor, program=program, auth=auth, **more) as theirs:
        yield Beside(ours, theirs, random.Random(10))
    ours.services.store.close()


def _difference(ours: Said, theirs: Said) -> str:
    if ours.status != theirs.status:
        return f"{ours.status}, theirs {theirs.status}"
    if not isinstance(ours.document, dict) or not isinstance(theirs.document, dict):
        return f"{ours.document}, theirs {theirs.document}"
    names = ours.document.keys() | theirs.document.keys()
    pairs = {name: (ours.document.get(name), theirs.document.get(name)) for name in sorted(names)}
    return (
        "; ".join(
            f"{name}: {one}, theirs {other}" for name, (one, other) in pairs.items() if one != other
        )
        or "null in one, missing in the other"
    )


def _said(status: int, document: Any, base: str) -> Said:
    return Said(status, _alike(document, base) if status < 300 else None)


def _alike(value: Any, base: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _alike(part, base, name) for name, part in value.items()}
    if isinstance(value, list):
        found = [_alike(part, base) for part in value]
        # Ironic has the steps that a patch brings behind the others, in an order of its own
        return sorted(found, key=str) if key == "steps" else found
    if key in _DATES and value is not None:
        return "a date"
    if key == "href":
        place = str(value).removeprefix(base)
        return place.replace(
            "inspection/", "inspection_rules/"
        )  # Ironic's links of rules lead nowhere
    if key == "next":
        arguments = parse_qs(urlsplit(str(value)).query)  # Ironic forgets whose list it was
        return arguments["limit"], arguments["marker"]
    return value
