"""A folder that behaves like the kernel's target below configfs: what is made brings its own folders, what holds something stays."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_BRINGS = {
    "tpgt_1": ("acls", "attrib", "auth", "lun", "np", "param"),
    "acls": ("attrib", "auth", "param"),
    "iblock_0": ("attrib", "wwn"),
}
"""By the name of the folder made, or of the one that it is made in."""


class ConfigFs:
    """``root`` stands for ``/sys/kernel/config``; ``refused`` names an end of a path that cannot be written, with the error."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refused: tuple[str, int] | None = None
        self.written: list[tuple[str, str]] = []
        (root / "target/core").mkdir(parents=True)

    def tree(self) -> list[str]:
        """Return what stands there, without what the kernel brings."""
        found = sorted(str(path.relative_to(self.root / "target")) for path in self._made())
        return [path for path in found if path not in {"core", "iscsi"}]

    def _made(self) -> Iterator[Path]:
        for folder, names, files in os.walk(self.root / "target"):
            for name in (*names, *files):
                path = Path(folder, name)
                if path.is_symlink() or (path.is_dir() and not _is_brought(path)):
                    yield path

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Have folders and files of this process behave so."""
        with pytest.MonkeyPatch.context() as patch:
            make, write = Path.mkdir, Path.write_text

            def mkdir(path: Path, *, exist_ok: bool = False) -> None:
                is_new = not path.is_dir()
                self._check(path)
                make(path, exist_ok=exist_ok)
                for name in _brought(path) if is_new else ():
                    make(path / name)

            def write_text(path: Path, text: str) -> int:
                self._check(path)
                self.written.append((str(path.relative_to(self.root / "target")), text))
                return write(path, text)

            patch.setattr(Path, "mkdir", mkdir)
            patch.setattr(Path, "write_text", write_text)
            patch.setattr(Path, "rmdir", _rmdir)
            yield

    def _check(self, path: Path) -> None:
        if self.refused is not None and str(path).endswith(self.refused[0]):
            raise OSError(self.refused[1], os.strerror(self.refused[1]))


def _brought(path: Path) -> tuple[str, ...]:
    return (*_BRINGS.get(path.name, ()), *_BRINGS.get(path.parent.name, ()))


def _is_brought(path: Path) -> bool:
    return path.name in _brought(path.parent)


def _rmdir(path: Path) -> None:
    for child in path.iterdir():
        if child.is_symlink() or (child.is_dir() and not _is_brought(child)):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        if child.is_dir() and any(one.is_dir() or one.is_symlink() for one in child.iterdir()):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
    shutil.rmtree(path)
