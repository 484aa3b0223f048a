"""The image that was written in this boot: later commands (boot loader, partition UUIDs) are about its disk."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from agent.hardware.writing import WrittenImage
from agent.system.state_files import read_if_there, write_private

log = logging.getLogger(__name__)


class WrittenImages:
    """Remembers the last written image in memory and, for a restarted agent, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = read_if_there(path)
        self._last = _decode(kept, path) if kept is not None else None

    def last(self) -> WrittenImage | None:
        """Return the image that was written last; ``None`` = none in this boot."""
        return self._last

    def forget(self) -> None:
        """Know of no image: its disk is about to become something else, in the same boot (fast track)."""
        self._last = None
        self._path.unlink(missing_ok=True)

    def remember(self, written: WrittenImage) -> None:
        """Keep ``written`` as the last one."""
        self._last = written
        try:
            write_private(self._path, msgspec.json.encode(written, enc_hook=str))
        except OSError as error:
            log.warning("written image not kept", extra={"why": error.strerror})


def _decode(content: bytes, path: Path) -> WrittenImage | None:
    try:
        return msgspec.json.decode(content, type=WrittenImage, dec_hook=_path_of)
    except msgspec.DecodeError as error:
        log.warning("record unreadable", extra={"file": str(path), "why": str(error)})
        return None


def _path_of(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"no way to make a {kind.__name__}")
