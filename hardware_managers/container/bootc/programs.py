"""Runs podman: pulls the image, asks what it is, has it install itself. Nothing that is told or raised here holds the registry's login."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.errors import AgentError, CommandFailed, ImageDownloadError, ImageError
from agent.images.flow.meter import Meter
from agent.protocol.bootc import BootcOrder, secrets_of
from agent.protocol.foreign_text import clean_line
from agent.system.runner import Runner
from agent.system.stop_signal import StopSignal
from hardware_managers.container.bootc import plan
from hardware_managers.container.bootc.storage import used_bytes
from hardware_managers.container.steps import end_container

_PULL_S = 3600.0
_ASK_S = 300.0
_INSTALL_S = 7200.0
_MOST_OUTPUT_BYTES = 64 << 20
_KEPT_LINES = 20
_SHOWN_LINE = 300
_NO_PROGRAM = 127
"""How podman ends when the container has not the program that it shall run (podman-run(1), "Exit Status")."""


class _Inspected(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    architecture: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image in podman's storage: its processor in the words of containers, its size unpacked."""

    architecture: str
    size_bytes: int


class Podman:
    """Podman, for one order; ``meter`` hears of every line that it or the container prints."""

    def __init__(self, order: BootcOrder, runner: Runner, meter: Meter) -> None:
        self._order = order
        self._runner = runner
        self.meter = meter
        self._secrets = secrets_of(order)

    def pull(
        self,
        pinned: str,
        registries: plan.Registries,
        storage: Path,
        stop: StopSignal,
    ) -> Pulled:
        """Pull the image and say what it is; the file with the login is gone before anything of the image runs.

        Raises:
            ImageDownloadError: The registry refuses, or podman does not come to an end.
            ImageError: The image does not fit into the memory.
            Stopped: ``stop`` was set.
        """
        self.meter.begin("pull", message=pinned)
        seen = 0

        def count() -> None:
            nonlocal seen
            used = used_bytes(storage)
            self.meter.advance(max(used - seen, 0))
            seen = max(used, seen)

        registries.auth_file.touch(mode=0o600)
        try:
            registries.auth_file.write_text(plan.auth_document(self._order))
            words = plan.pull_words(pinned, registries)
            self._follow(words, _PULL_S, {"TMPDIR": str(storage / "tmp")}, stop=stop, count=count)
        except CommandFailed as error:
            if "no space left" in str(error).lower():
                raise ImageError(
                    f"{self._order.source}: does not fit into the memory that this machine has for it: {error}"
                ) from error
            raise ImageDownloadError(f"{self._order.source}: {error}") from error
        finally:
            registries.auth_file.unlink(missing_ok=True)
        return self._inspect(pinned)

    def _inspect(self, pinned: str) -> Pulled:
        words = (*plan.PODMAN, "image", "inspect", "--format=json", pinned)
        said = self._runner.run(*words, timeout_s=_ASK_S).stdout
        try:
            (found,) = msgspec.json.decode(said, type=tuple[_Inspected])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ImageError(f"podman says of {pinned} what cannot be read: {error}") from error
        return Pulled(architecture=found.architecture, size_bytes=found.size)

    def version(self, pinned: str, folder: Path) -> str:
        """Return what the image's bootc calls itself: it is there, and it runs on this machine.

        Raises:
            ImageError: It is not there, or does not run.
        """
        self.meter.begin("check")
        id_file = folder / "asked"
        try:
            said = self._run(plan.version_words(pinned, id_file), id_file, _ASK_S)
        except CommandFailed as error:
            is_missing = f"exit status {_NO_PROGRAM}" in str(error)
            what = "has no program bootc" if is_missing else "has a bootc that does not run here"
            raise ImageError(
                f"{self._order.source}: {what}, so it is no image that can install itself: {error}"
            ) from error
        return clean_line(said[-1] if said else "", 80)

    def install(self, words: Sequence[str], id_file: Path, count: Callable[[], None]) -> None:
        """Have the image install itself.

        Raises:
            ImageError: It ended with an error; the message has what it said last.
        """
        self.meter.begin("install")
        try:
            self._run(words, id_file, _INSTALL_S, count)
        except CommandFailed as error:
            raise ImageError(f"{self._order.source}: bootc did not install it: {error}") from error

    def _run(
        self,
        words: Sequence[str],
        id_file: Path,
        limit_s: float,
        count: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Run a container; return its last lines."""
        try:
            return self._follow(words, limit_s, count=count)
        except AgentError:
            with suppress(CommandFailed):
                end_container(self._runner, words[0], id_file)
            raise

    def _follow(
        self,
        words: Sequence[str],
        limit_s: float,
        environment: dict[str, str] | None = None,
        *,
        stop: StopSignal | None = None,
        count: Callable[[], None] = lambda: None,
    ) -> list[str]:
        last: list[str] = []

        def show(line: str) -> None:
            told = clean_line(self._secrets.text(line), _SHOWN_LINE)
            last[:] = [*last[1 - _KEPT_LINES :], told]
            count()
            self.meter.say(told)

        try:
            self._runner.follow(
                *words,
                timeout_s=limit_s,
                on_line=show,
                stop=stop,
                environment=environment,
                end_after_bytes=_MOST_OUTPUT_BYTES,
            )
        except CommandFailed as error:
            raise CommandFailed(self._secrets.text(str(error))) from error
        return last
