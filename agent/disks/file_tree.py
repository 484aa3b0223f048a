"""Files below a folder that no path and no symbolic link leads out of: read, written, deleted.

The tree belongs to an image that somebody else made. Every component is opened by itself, relative to the one before; links are
followed as they would be on the machine that boots the tree: ``/`` is the tree's root, and nothing is above it. (``openat2`` with
``RESOLVE_IN_ROOT`` does the same for a path that is there; here folders have to be made on the way.)
"""

import hashlib
import itertools
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.errors import FileSystemError, InvalidRequest

_MOST_LINKS = 40
"""As the kernel follows (path_resolution(7))."""
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE, _NEW_FOLDER = 0o644, 0o755
_CHUNK_BYTES = 1 << 20


class Tree:
    """A tree below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has_folder(self, name: str) -> bool:
        """Say whether there is such a folder, or a link to one."""
        try:
            with self._parent(f"/{name}/any", follow=True):
                return True
        except (OSError, InvalidRequest):
            return False

    def names(self, folder: str, most: int) -> tuple[str, ...]:
        """Return the names in a folder in their order, not more than ``most``; none if it is not there."""
        try:
            with self._parent(f"/{folder}/any", follow=True) as (parent, _name):
                listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
        except (OSError, InvalidRequest):
            return ()
        try:
            with os.scandir(listing) as entries:
                return tuple(sorted(entry.name for entry in itertools.islice(entries, most)))
        except OSError:
            return ()
        finally:
            os.close(listing)

    def size_bytes(self, path: str) -> int | None:
        """Return the size of a plain file; ``None`` = there is none."""
        try:
            with self.opened(path) as file:
                return os.fstat(file.fileno()).st_size
        except FileSystemError:
            return None

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """Open a plain file for reading, wherever links inside the tree lead.

        Raises:
            FileSystemError: It is not there, is no plain file, or cannot be read.
        """
        try:
            with self._parent(path, follow=True) as (folder, name):
                # O_NONBLOCK: a pipe or a device in its place must not hold us up before it is looked at
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                self._require_plain(folder, name, path)
                file = os.open(name, flags, dir_fd=folder)
        except InvalidRequest as error:
            raise FileSystemError(str(error)) from error
        except OSError as error:
            raise FileSystemError(f"{path}: cannot be read: {error.strerror}") from error
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise FileSystemError(f"{path}: is no plain file")
            yield stream

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """Return what a small file holds; ``None`` = it is not there, or is no plain file.

        Raises:
            FileSystemError: It is larger than ``most_bytes``, or its disk fails.
        """
        try:
            with self.opened(path) as file:
                content = file.read(most_bytes + 1)
        except FileSystemError:
            return None
        except OSError as error:
            raise FileSystemError(f"{path}: cannot be read: {error.strerror}") from error
        if len(content) > most_bytes:
            raise FileSystemError(f"{path}: has more than {most_bytes} bytes")
        return content

    def delete(self, path: str) -> bool:
        """Remove a file or a link; say whether it was there.

        Raises:
            FileSystemError: It is a folder, or cannot be removed.
        """
        try:
            with self._parent(path, follow=False) as (folder, name):
                os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FileSystemError(f"{path}: cannot be deleted: {error.strerror}") from error
        return True

    def write(
        self,
        path: str,
        content: BinaryIO,
        *,
        mode: int | None = None,
        dirmode: int | None = None,
        owner: int | None = None,
        group: int | None = None,
    ) -> tuple[int, str]:
        """Make a file hold ``content``; return its size in bytes and its SHA-256, both read back from the disk.

        Args:
            path: Below the root; missing folders are made.
            content: Read from where it stands to its end.
            mode: Permissions; ``None`` = those it has, 0644 for a new one.
            dirmode: Permissions of folders that are made; ``None`` = 0755.
            owner: Number of a user; ``None`` = as it is, root for a new file.
            group: Number of a group; likewise.

        Raises:
            FileSystemError: It cannot be written, or holds something else afterwards.
        """
        try:
            with self._parent(path, follow=True, dirmode=dirmode or _NEW_FOLDER) as (folder, name):
                self._require_plain(folder, name, path)
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
                file = os.open(name, flags, _NEW_FILE, dir_fd=folder)
                try:
                    wanted = _copy(content, file)
                    _give_away(file, owner, group)
                    if mode is not None:
                        os.fchmod(file, mode)
                    os.fsync(file)
                    found = _read_back(file)
                    state = os.fstat(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise FileSystemError(f"{path}: cannot be written: {error.strerror}") from error
        is_as_wanted = mode in {None, stat.S_IMODE(state.st_mode)} and owner in {None, state.st_uid}
        if found != wanted or not is_as_wanted or group not in {None, state.st_gid}:
            raise FileSystemError(
                f"{path}: holds {found[0]} bytes (sha256 {found[1]}, mode {state.st_mode:o}, owner {state.st_uid}:"
                f"{state.st_gid}) after {wanted[0]} bytes (sha256 {wanted[1]}) were written; does its file system keep"
                " owners and modes, and is the disk in order?"
            )
        return found

    def _require_plain(self, folder: int, name: str, path: str) -> None:
        """Refuse what would block or act when it is opened."""
        try:
            kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(kind):
            raise FileSystemError(
                f"{path}: there is something that is no plain file; delete it first"
            )

    @contextmanager
    def _parent(
        self, path: str, *, follow: bool, dirmode: int | None = None
    ) -> Iterator[tuple[int, str]]:
        """Give the open folder that a path ends in, and the last name.

        Args:
            path: Any path; ``/`` is the tree's root.
            follow: Follow a link that the path ends with.
            dirmode: Make missing folders; ``None`` = they are an error.
        """
        parts = _parts_of(path)
        folders = [os.open(self._root, _FOLDER)]
        links = 0
        try:
            while True:
                name = parts.popleft()
                is_last = not any(part not in {"", "."} for part in parts)
                if name == ".." and len(folders) > 1:
                    os.close(folders.pop())
                if name in {"", ".", ".."}:
                    if not parts:
                        raise InvalidRequest(f"{path!r} ends at a folder")
                    continue
                link = _link_of(name, folders[-1]) if follow or not is_last else None
                if link is not None:
                    links += 1
                    if links > _MOST_LINKS:
                        raise InvalidRequest(f"{path!r} leads through too many symbolic links")
                    while link.startswith("/") and len(folders) > 1:
                        os.close(folders.pop())
                    parts.extendleft(reversed(link.split("/")))
                elif is_last and not parts:
                    yield folders[-1], name
                    return
                else:
                    folders.append(_enter(name, folders[-1], dirmode))
        finally:
            for folder in folders:
                os.close(folder)


def _parts_of(path: str) -> deque[str]:
    if "\0" in path:
        raise InvalidRequest(f"{path!r} has a NUL")
    return deque(path.split("/"))


def _link_of(name: str, folder: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError:  # EINVAL: it is no link
        return None


def _enter(name: str, folder: int, dirmode: int | None) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if dirmode is None:
            raise
    os.mkdir(name, dir_fd=folder)
    made = os.open(name, _FOLDER, dir_fd=folder)
    Path(f"/proc/self/fd/{made}").chmod(dirmode)  # an O_PATH descriptor takes no fchmod
    return made


def _copy(content: BinaryIO, file: int) -> tuple[int, str]:
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(file, rest) :]
    return size_bytes, digest.hexdigest()


def _give_away(file: int, owner: int | None, group: int | None) -> None:
    """Give the file a user and a group; ``None`` = as it is."""
    if owner is not None or group is not None:
        os.fchown(file, -1 if owner is None else owner, -1 if group is None else group)


def _read_back(file: int) -> tuple[int, str]:
    """Return size and SHA-256 of what the disk holds: the kernel is told to forget what it has in memory."""
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(file, 0, os.SEEK_SET)
    digest, size_bytes = hashlib.sha256(), 0
    while chunk := os.read(file, _CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
    return size_bytes, digest.hexdigest()
