"""A Redfish system without a BMC: documents by their addresses, as the functions that read them see a service."""

from collections.abc import Mapping
from typing import Any

from sushy import exceptions


class Answer:
    headers: Mapping[str, str] = {}
    content = b"{}"
    status_code = 200

    def __init__(self, document: Any) -> None:
        self._document = document

    def json(self) -> Any:
        return self._document


class Tree:
    """Looks like sushy's ``System``, as far as documents go."""

    def __init__(self, documents: Mapping[str, Any], system: str) -> None:
        self.documents = documents
        self.json = documents[system]
        self.boot = None

    @property
    def root(self) -> "Tree":
        return Tree(self.documents, "/redfish/v1")

    @property
    def _conn(self) -> "Tree":
        return self

    def get(self, path: str) -> Answer:
        if path not in self.documents:
            raise exceptions.ResourceNotFoundError("GET", path, None)
        return Answer(self.documents[path])
