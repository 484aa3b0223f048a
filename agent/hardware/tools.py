"""What a long piece of work gets to work with: a step, an eraser, a RAID configurator, a firmware updater."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.protocol.commands import Progress
from agent.system.runner import Runner
from agent.system.stop_signal import StopSignal

ProgressSink = Callable[[Progress], None]
MOST_FETCHED_BYTES = 2 << 30
"""What one ``fetch`` takes at most, unless it is told otherwise."""


class Fetch(Protocol):
    """Downloads one file, as images are downloaded: resumed after a broken connection, through proxies, with the operator's TLS rules."""

    def __call__(
        self,
        url: str,
        into: Path,
        checksum: str | None = None,
        most_bytes: int = MOST_FETCHED_BYTES,
    ) -> Path:
        """Fetch ``url`` (http, https; ``file:`` and ``oci:`` as the rules for images allow) and check it.

        Args:
            url: Where it is.
            into: The file to be made, or a folder: then its name is that in the URL.
            checksum: Hexadecimal digest, or ``<algorithm>:<digest>``; ``None`` = only where the operator allows unverified downloads.
            most_bytes: A longer file is an error.

        Returns:
            The file, whole and verified. Nothing stands there after an error.

        Raises:
            ImageDownloadError: It cannot be fetched, or is too long.
            ImageError: Its checksum is another one, or none is given where one is wanted.
            Stopped: The command was asked to stop.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTools:
    """The tools of one piece of work. ``folder`` is empty at its beginning and removed after its end."""

    progress: ProgressSink
    runner: Runner
    stop: StopSignal
    fetch: Fetch
    folder: Path
