"""A Redfish service that is a table of documents, without a network: for what no real one and not the laboratory's would answer."""

from collections.abc import Mapping
from typing import Any

from sushy import exceptions

ROOT = "/redfish/v1"


class Answer:
    """An answer of a service that is a table."""

    headers: Mapping[str, str] = {}

    def __init__(self, body: Any) -> None:
        self._body = body

    def json(self) -> Any:
        return self._body


class TableService:
    """A service that is a table; stands for sushy's connector and the system at once."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self.documents = documents
        self.asked = 0
        self._conn = self
        self.path = f"{ROOT}/Systems/1"
        self.root = self
        self.json = documents[self.path]

    def get(self, path: str) -> Answer:
        self.asked += 1
        assert self.asked < 2000, "the service is asked without end"
        if path not in self.documents:
            raise exceptions.ResourceNotFoundError("GET", path, _Missing())
        return Answer(self.documents[path])


class _Missing:
    status_code = 404
    reason = "Not Found"
    content = b"{}"

    def json(self) -> Any:
        return {}
