"""An image in a file of the ramdisk, such as a mounted stick: only below the folders that the operator allows.

RFC 8089 URLs. Links are followed before the folder is checked, so that no link leads out of it.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agent.errors import ImageDownloadError
from agent.protocol.image_rules import check_file_url
from agent.protocol.refusal import Refusal


def allowed_path(url: str, folders: Sequence[Path]) -> Path:
    """Return the file that ``url`` names, with every link followed.

    Raises:
        ImageDownloadError: It is no local file, does not exist, or is not below one of ``folders``.
    """
    try:
        check_file_url(url)
    except Refusal as error:
        raise ImageDownloadError(str(error)) from error
    if not folders:
        raise ImageDownloadError(
            f"{url}: images in files are not allowed here; name their folder in the agent's setting image_folders"
        )
    try:
        path = Path(unquote(urlsplit(url).path)).resolve(strict=True)
        roots = [folder.resolve(strict=True) for folder in folders if folder.exists()]
    except (OSError, ValueError) as error:
        raise ImageDownloadError(f"{url}: {_reason(error)}; check the image's URL") from error
    if not any(path.is_relative_to(root) for root in roots):
        named = ", ".join(map(str, folders))
        raise ImageDownloadError(
            f"{url}: is not below a folder that is allowed ({named}); move it there or change the agent's"
            " setting image_folders"
        )
    return path


class FileSource:
    """One local file, an :class:`agent.images.sources.stream.ImageSource`; the file may not change while it is read."""

    has_ranges = True

    def __init__(self, url: str, folders: Sequence[Path]) -> None:
        """Open the file.

        Raises:
            ImageDownloadError: It is not allowed, not there, or not a regular file.
        """
        self.where = url
        self.position = 0
        self._fd = -1
        self._path = allowed_path(url, folders)
        self._open()
        status = os.fstat(self._fd)
        self._version = _version(status)
        self.size_bytes: int | None = status.st_size
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            self.disconnect()
            raise ImageDownloadError(f"{url}: is empty or no regular file; check the image's URL")

    def _open(self) -> None:
        try:
            # O_NONBLOCK: a pipe must not hold us; O_NOFOLLOW: the last part cannot become a link after the check
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._fd = os.open(self._path, flags)
        except OSError as error:
            raise ImageDownloadError(f"{self.where}: {_reason(error)}") from error

    def read_into(self, view: memoryview) -> int:
        """Fill ``view`` as far as the file goes; see :class:`agent.images.sources.stream.ByteStream`.

        Raises:
            ImageDownloadError: The file cannot be read, or changed.
        """
        count = self._read(view, self.position)
        self.position += count
        # what was read is not needed again; the page cache is the ramdisk's memory
        os.posix_fadvise(self._fd, 0, self.position, os.POSIX_FADV_DONTNEED)
        return count

    def read_at(self, start_byte: int, size_bytes: int) -> bytes:
        """Return a stretch of the file, exactly.

        Raises:
            ImageDownloadError: The file cannot be read, or changed.
        """
        room = bytearray(size_bytes)
        if self._read(memoryview(room), start_byte) != size_bytes:
            raise ImageDownloadError(
                f"{self.where}: ends before byte {start_byte + size_bytes}; it changed, start again"
            )
        return bytes(room)

    def _read(self, view: memoryview, start_byte: int) -> int:
        filled = 0
        if self._fd < 0:
            self._open()
        try:
            while filled < len(view):
                count = os.preadv(self._fd, [view[filled:]], start_byte + filled)
                if count == 0:
                    break
                filled += count
            version = _version(os.fstat(self._fd))
        except OSError as error:
            raise ImageDownloadError(
                f"{self.where}: cannot be read at byte {start_byte + filled}: {_reason(error)}"
            ) from error
        if version != self._version:
            raise ImageDownloadError(
                f"{self.where}: the file changed while it was read, before byte {start_byte + filled};"
                " start again"
            )
        return filled

    def seek(self, start_byte: int) -> None:
        """Go on at another byte."""
        self.position = start_byte

    def disconnect(self) -> None:
        """Close the file; the next read opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _version(status: os.stat_result) -> tuple[int, ...]:
    """Return what tells one version of a file from another."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
