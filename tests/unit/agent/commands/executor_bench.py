"""An executor of commands that do what tests want: wait, fail, and say what cannot be said."""

import threading
from collections.abc import Callable
from pathlib import Path

from agent.commands.command import Command, Control, Job, Kind, Params, catalogue
from agent.commands.executor import CommandExecutor
from agent.commands.results import ResultStore
from agent.errors import (
    DiskInUse,
    EraseError,
    InvalidRequest,
    VersionMismatch,
)
from agent.protocol.commands import Progress

UNDECODABLE = b"W\xe9stern\0\x1b[2J".decode(errors="surrogateescape")
"""What a program printed that knows nothing of UTF-8, as our runner keeps it."""


class Unspeakable(Exception):
    """Raises whenever somebody wants to know what it is."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Bench:
    """An executor with a few commands; ``slow`` ends when ``release`` is set."""

    def __init__(self, directory: Path) -> None:
        self.release = threading.Event()
        self.started = threading.Event()
        self.finished: list[str] = []
        self.directory = directory
        self.executor = self.build()

    def slow(self, control: Control) -> str:
        control.progress(Progress(phase="write", bytes_done=1, bytes_total=2))
        self.started.set()
        self.release.wait(10)
        return "done"

    def patient(self, control: Control) -> str:
        control.stop.allow()
        self.started.set()
        control.stop.wait(10)
        control.stop.check("waiting")
        return "never"

    def build(self) -> CommandExecutor:
        def raises(error: BaseException) -> Job:
            def fail(_control: Control) -> None:
                raise error

            return fail

        def checked(params: Params) -> Job:
            if "size" not in params:
                raise InvalidRequest("size is missing")
            return lambda _: params["size"]

        table: dict[str, tuple[Kind, Callable[[Params], Job]]] = {
            "a.slow": (Kind.ASYNC, lambda _: self.slow),
            "a.last": (Kind.LAST, lambda _: self.slow),
            "a.text": (Kind.SYNC, lambda _: lambda _: "hello"),
            "a.pair": (Kind.SYNC, lambda _: lambda _: {"pair": (1, 2)}),
            "a.nothing": (Kind.SYNC, lambda _: lambda _: None),
            "a.checked": (Kind.SYNC, checked),
            "a.refused": (Kind.ASYNC, lambda _: raises(DiskInUse("/dev/vda: in use; unmount it"))),
            "a.half": (
                Kind.ASYNC,
                lambda _: raises(EraseError("1 of 2", result={"/dev/vda": "ok"})),
            ),
            "a.exits": (Kind.ASYNC, lambda _: raises(SystemExit(3))),
            "a.secretive": (Kind.ASYNC, lambda _: raises(Unspeakable())),
            "a.garbled": (Kind.ASYNC, lambda _: raises(EraseError("1 of 2", result=object()))),
            "a.outdated": (Kind.ASYNC, lambda _: raises(VersionMismatch("other managers"))),
            "a.bug": (Kind.ASYNC, lambda _: raises(KeyError("serial"))),
            "a.patient": (Kind.ASYNC, lambda _: self.patient),
            "a.unspeakable": (Kind.SYNC, lambda _: lambda _: object()),
        }
        commands = [Command(name=n, kind=k, prepare=p) for n, (k, p) in table.items()]
        return CommandExecutor(
            lambda: catalogue(commands),
            ResultStore(self.directory),
            lambda: self.finished.append("x"),
        )
