"""Carries the plan out, and takes away what was made, by looking at what is there: the kernel remembers, this process need not.

What is ended is only what stands on our backstore, or on none: half of an export that failed.
"""

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from agent.errors import CommandFailed, ExportError
from agent.hardware.exporting import ExportWish
from agent.system.runner import Runner
from hardware_managers.iscsi_target.plan import BACKSTORE, Folder, Link, Setting, Step, plan_export

log = logging.getLogger(__name__)
_CONFIGFS = Path("/sys/kernel/config")
_MODULES = ("configfs", "target_core_mod", "target_core_iblock", "iscsi_target_mod")
_TIMEOUT_S = 30.0


class LioExporter:
    """Implements :class:`agent.hardware.exporting.DiskExporter`."""

    def __init__(self, runner: Runner, configfs: Path = _CONFIGFS) -> None:
        self._runner = runner
        self._configfs = configfs
        self._root = configfs / "target"

    def export(self, wish: ExportWish) -> None:
        """See :class:`DiskExporter`."""
        steps = plan_export(wish)
        self._provide()
        try:
            for step in steps:
                self._do(step, wish)
        except ExportError:
            with suppress(ExportError):
                self.end()
            raise
        data = {"disk": str(wish.disk), "target": wish.target, "address": wish.address}
        log.info("disk exported", extra=data)

    def _provide(self) -> None:
        """Have the kernel's target ready.

        Raises:
            ExportError: The ramdisk's kernel has none.
        """
        if self._root.is_dir():
            return
        try:
            self._runner.run("modprobe", "-a", *_MODULES, timeout_s=_TIMEOUT_S)
            if not self._root.is_dir():
                words = ("mount", "-t", "configfs", "configfs", str(self._configfs))
                self._runner.run(*words, timeout_s=_TIMEOUT_S)
        except CommandFailed as error:
            raise ExportError(
                f"this ramdisk's kernel cannot export disks: {error}; build it with {', '.join(_MODULES)}"
            ) from error
        if not self._root.is_dir():
            raise ExportError(
                f"this ramdisk's kernel shows no {self._root}; it has no iSCSI target"
            )

    def _do(self, step: Step, wish: ExportWish) -> None:
        path = self._root / step.path
        try:
            match step:
                case Folder():
                    path.mkdir(exist_ok=True)
                case Setting():
                    path.write_text(step.value)
                case Link():
                    path.symlink_to(self._root / step.to)
        except OSError as error:
            raise ExportError(_words(step, wish, error)) from error

    def end(self) -> tuple[Path, ...]:
        """See :class:`DiskExporter`."""
        disks = self._disks()
        for target in self._folders("iscsi", "*"):
            if self._is_ours(target):
                self._end_target(target)
        store = self._root / BACKSTORE
        if store.is_dir():
            self._take_away(store)
            with suppress(OSError):  # the kernel keeps it while somebody else has a disk there
                store.parent.rmdir()
        if disks:
            log.info("export ended", extra={"disks": ", ".join(map(str, disks))})
        return disks

    def _disks(self) -> tuple[Path, ...]:
        try:
            text = (self._root / BACKSTORE / "udev_path").read_text().strip()
        except OSError:
            return ()
        return (Path(text),) if text else ()

    def _folders(self, *parts: str) -> list[Path]:
        """Return the folders that match; links are none."""
        found = self._root.glob("/".join(parts)) if self._root.is_dir() else iter(())
        return sorted(path for path in found if path.is_dir() and not path.is_symlink())

    def _is_ours(self, target: Path) -> bool:
        groups = [path for path in target.glob("tpgt_*") if path.is_dir()]
        stores = {link.resolve() for group in groups for link in _links(group / "lun")}
        is_target = target.name.startswith(("iqn.", "eui.", "naa."))
        return is_target and stores <= {(self._root / BACKSTORE).resolve()}

    def _end_target(self, target: Path) -> None:
        for group in sorted(target.glob("tpgt_*")):
            with suppress(FileNotFoundError):
                self._act(group / "enable", lambda path: path.write_text("0"))
            for access in _inside(group / "acls"):
                for unit in sorted(access.glob("lun_*")):
                    self._unlink(unit)
                    self._take_away(unit)
                self._take_away(access)
            for place in _inside(group / "np"):
                self._take_away(place)
            for unit in _inside(group / "lun"):
                self._unlink(unit)
                self._take_away(unit)
            self._take_away(group)
        self._take_away(target)

    def _unlink(self, folder: Path) -> None:
        for link in [path for path in folder.iterdir() if path.is_symlink()]:
            self._act(link, Path.unlink)

    def _take_away(self, folder: Path) -> None:
        self._act(folder, Path.rmdir)

    def _act(self, path: Path, do: Callable[[Path], object]) -> None:
        try:
            do(path)
        except OSError as error:
            raise ExportError(
                f"the export of a disk cannot be ended: {path}: {error.strerror}; reboot the machine into the ramdisk"
            ) from error


def _words(step: Step, wish: ExportWish, error: OSError) -> str:
    """Return why a step failed, for people."""
    if step.path.endswith(f"{BACKSTORE}/enable") and error.errno in {
        errno.EBUSY,
        errno.ENODEV,
        errno.EINVAL,
    }:
        return (
            f"{wish.disk}: cannot be exported, the kernel does not give it out of its hands ({error.strerror}): something uses"
            " it; see lsblk and dmesg"
        )
    if "/np/" in step.path:
        return (
            f"{wish.disk}: cannot be exported on {wish.address} port {wish.port}: {error.strerror}; is that an address of this"
            " machine, and the port free?"
        )
    return f"{wish.disk}: cannot be exported: {Path(step.path).name}: {error.strerror}; see dmesg"


def _inside(folder: Path) -> list[Path]:
    """Return the folders inside, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _links(folder: Path) -> Iterator[Path]:
    for unit in _inside(folder):
        yield from (path for path in unit.iterdir() if path.is_symlink())
