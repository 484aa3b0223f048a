"""A stage of the pipeline: threads that work on items from a queue and let go of them."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Releasable(Protocol):
    """Something that is held while it is worked on."""

    def release(self) -> None:
        """Give up one hold."""


Item = TypeVar("Item", bound=Releasable)


class Stage(Generic[Item]):
    """Runs ``work`` on each item in threads of its own.

    After an error the stage goes on releasing items without working on them, so nobody upstream waits for ever; the error
    is raised by :meth:`check` and :meth:`finish`.
    """

    def __init__(self, name: str, work: Callable[[Item], None], *, threads: int = 1) -> None:
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._work = work
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"image-{name}", daemon=True)
            for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: Item) -> None:
        """Hand over one hold of ``item``."""
        self._queue.put(item)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is None:
                    self._work(item)
            except BaseException as error:  # noqa: BLE001  # carried to the thread that waits, nothing is lost
                self._error = error
            finally:
                item.release()

    def check(self) -> None:
        """Raise what went wrong in this stage so far."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Wait until everything that was handed over is done; never raises."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def finish(self) -> None:
        """Wait for the end and raise what went wrong."""
        self.stop()
        self.check()
