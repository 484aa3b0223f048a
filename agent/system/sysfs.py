"""Small files of the kernel below /sys, /proc and /run, read through a root that tests replace with a folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SysRoot:
    """The root of the file system that kernel files are read from."""

    path: Path = Path("/")

    def at(self, *parts: str) -> Path:
        """Return the path of ``parts`` below the root; leading slashes are ignored."""
        return self.path.joinpath(*(part.lstrip("/") for part in parts))

    def text(self, *parts: str) -> str | None:
        """Return the stripped text of a file; ``None`` when it is missing, unreadable for its kind, or empty."""
        try:
            content = self.at(*parts).read_text(encoding="utf-8", errors="replace").strip("\0 \n")
        except OSError:
            return None
        return content or None

    def number(self, *parts: str) -> int | None:
        """Return the decimal number in a file; ``None`` when there is none."""
        content = self.text(*parts)
        try:
            return None if content is None else int(content)
        except ValueError:
            return None
