"""``curl`` as a reader of event streams."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 60


class Curl:
    """``curl`` that reads a stream."""

    def __init__(self, url: str, *options: str) -> None:
        words = ["curl", "--no-buffer", "--silent", "--show-error", *options, url]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self.events: list[dict[str, str]] = []
        self.place = ""
        self._grown = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_count(self, count: int) -> list[dict[str, str]]:
        with self._grown:
            assert self._grown.wait_for(lambda: len(self.events) >= count, PATIENCE_S), self.events
            return list(self.events)

    def wait_place(self) -> str:
        with self._grown:
            assert self._grown.wait_for(lambda: self.place, PATIENCE_S)
            return self.place

    def numbers(self) -> list[int]:
        return [int(one["id"]) for one in self.events if one.get("event") != "gap"]

    def end(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        if self.process.stdout:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        event: dict[str, str] = {}
        for line in self.process.stdout:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            with self._grown:
                if name:
                    event[name] = value
                    self.place = event.get("id", self.place)
                elif line == b"\n":
                    if "data" in event:
                        self.events.append(event)
                    event = {}
                self._grown.notify_all()


@contextmanager
def curl(url: str, *options: str) -> Iterator[Curl]:
    found = Curl(url, *options)
    try:
        yield found
    finally:
        found.end()
