"""Process 1 of the namespaces that a foreign program runs in: makes its place, starts it without privileges, ends with it.

Started by ``run`` behind unshare(1), with an order as its argument. When it ends, however it does, the kernel ends every process of its
namespace and its mounts. From the moment on in which the foreign file system is the root, no module may be imported: it would come
from there and run with this process's privileges. So the ways to find modules are taken away first.
"""

import errno
import os
import resource
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

from agent.system import kernel_calls as kernel
from agent.system.containment.call_filter import call_filter
from agent.system.containment.order import Order

_KEPT_CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 3
"""CHOWN, DAC_OVERRIDE, FOWNER: what writing files of a file system takes."""
_LAST_CAPABILITY = 63
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 24, 38, 47, 4
_FIXED = kernel.MS_NOSUID | kernel.MS_NOEXEC
_QUIET = _FIXED | kernel.MS_NODEV
_CHARACTER_NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "urandom": (1, 9), "random": (1, 8), "tty": (5, 0)}  # fmt: skip
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}  # fmt: skip
_SECRETS = ("cmdline", "keys", "key-users", "kcore", "kmsg", "kallsyms", "sched_debug", "sysrq-trigger")  # fmt: skip
"""Files of /proc that say something of the ramdisk, such as the agent's token in the kernel's arguments, or act."""
_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_AS: 2 << 30,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_FSIZE: 4 << 30,
}
_SIGNALLED = 128
_NOT_MADE = 125
"""Exit status when the place could not be made; ``env`` and ``chroot`` use it likewise."""


def main(text: str) -> int:
    """Carry out an order; return the program's exit status, or 128 and its signal."""
    order = Order.decode(text)
    Path("/proc/self/oom_score_adj").write_text("1000")
    if order.group:
        Path(order.group, "cgroup.procs").write_text("0")
    filters = call_filter(os.uname().machine)
    _mount_folders(order)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_SIGNALLED + signal.SIGTERM))
    sys.path.clear()
    sys.meta_path.clear()
    _change_root(order.root)
    program = os.fork()
    if program == 0:
        _become(order, filters)
    while True:
        process, status = os.wait()
        if process == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else _SIGNALLED - code


def _mount_folders(order: Order) -> None:
    root = Path(order.root)
    with _folder(root / "dev") as place:
        kernel.mount("tmpfs", place, "tmpfs", _FIXED, "mode=755,size=1m")
    _fill_dev(root / "dev", order)
    kernel.mount("none", str(root / "dev"), None, _remount(_FIXED))
    with _folder(root / "proc") as place:
        kernel.mount("proc", place, "proc", _QUIET)
    for name in _SECRETS:
        if (root / "proc" / name).exists():
            kernel.mount(str(root / "dev/null"), str(root / "proc" / name), None, kernel.MS_BIND)
    kernel.mount("none", str(root / "proc"), None, _remount(_QUIET))
    with _folder(root / "sys") as place:
        kernel.mount("sysfs", place, "sysfs", _QUIET | kernel.MS_RDONLY)
    for name, mode in (("run", "755"), ("tmp", "1777")):
        with _folder(root / name) as place:
            flags = kernel.MS_NOSUID | kernel.MS_NODEV
            kernel.mount("tmpfs", place, "tmpfs", flags, f"mode={mode},size=64m")


def _remount(flags: int) -> int:
    return flags | kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY


class _folder:  # noqa: N801  # used like open()
    """An open folder of the foreign file system as a path that no link of it can lead elsewhere."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            path.mkdir()
        self._handle = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._handle}"

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _fill_dev(dev: Path, order: Order) -> None:
    os.umask(0)
    for name, numbers in _CHARACTER_NODES.items():
        os.mknod(dev / name, stat.S_IFCHR | 0o666, os.makedev(*numbers))
    for node in order.nodes:
        os.mknod(dev / node.name, stat.S_IFBLK | 0o600, os.makedev(node.major, node.minor))
    os.umask(0o022)
    for name, target in (_LINKS | dict(order.links)).items():
        (dev / name).parent.mkdir(parents=True, exist_ok=True)
        (dev / name).symlink_to(target)


def _change_root(root: str) -> None:
    """Make ``root`` the only thing there is; on a ramdisk that never left its first root, which nothing can leave, it covers it."""
    os.chdir(root)
    try:
        kernel.pivot_root(".", ".")
        kernel.unmount_lazily(".")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        kernel.mount(".", "/", None, kernel.MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def _become(order: Order, filters: bytes) -> None:
    """Give up every privilege and become the program; never returns."""
    try:
        os.setsid()  # so that it cannot signal the group of its parents
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for limit, value in _LIMITS.items():
            resource.setrlimit(limit, (value, value))
        for number in range(_LAST_CAPABILITY + 1):
            if not _KEPT_CAPABILITIES >> number & 1:
                _drop_capability(number)
        kernel.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL)
        kernel.set_capabilities(_KEPT_CAPABILITIES)
        kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1)
        kernel.set_call_filter(filters)
        os.execve(order.argv[0], order.argv, dict(order.environment))  # noqa: S606  # here nothing is left but this
    except OSError as error:
        os.write(2, f"{order.argv[0]}: {error.strerror} ({error.filename})\n".encode())
    finally:
        os._exit(_NOT_MADE)


def _drop_capability(number: int) -> None:
    try:
        kernel.prctl(_PR_CAPBSET_DROP, number)
    except OSError as error:
        if error.errno != errno.EINVAL:  # this kernel knows fewer
            raise


def _main() -> None:
    """Carry out the order; a traceback would be made of files of the foreign root."""
    code = _NOT_MADE
    try:
        code = main(sys.argv[1])
    except Exception as error:  # noqa: BLE001  # said in one line, and the status is that of a failure
        os.write(2, f"no place for the program could be made: {error!r}\n".encode())
    finally:
        os._exit(code)


if __name__ == "__main__":
    _main()
