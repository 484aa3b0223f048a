"""What people ask a BMC for through the API, one request per node at a time: nobody fills the request threads, or keeps workflows from a BMC."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from controller.errors import Conflict


class OneReader:
    """The nodes whose BMC a request of this process reads from. Used by many threads."""

    def __init__(self) -> None:
        """Nobody reads yet."""
        self._lock = threading.Lock()
        self._nodes: set[str] = set()

    @contextmanager
    def of(self, node_uuid: str) -> Iterator[None]:
        """Be the one who reads.

        Raises:
            Conflict: Another request does.
        """
        with self._lock:
            if node_uuid in self._nodes:
                raise Conflict(
                    f"node {node_uuid}: another request is reading from its BMC; try again when that has ended"
                )
            self._nodes.add(node_uuid)
        try:
            yield
        finally:
            with self._lock:
                self._nodes.discard(node_uuid)
