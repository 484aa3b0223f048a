"""Starts another kernel in place of the running one: kexec_file_load(2) and reboot(2) themselves.

The program ``kexec`` does the same, but reads the foreign kernel as root before. Here only the kernel reads it, from files that are open.
"""

import ctypes
import errno
import os
from collections.abc import Mapping

from agent.errors import KexecNotPossible
from agent.system.sysfs import SysRoot

_CALLS: Mapping[str, int] = {"x86_64": 320, "aarch64": 294, "riscv64": 294}
"""Number of kexec_file_load by ``uname -m`` (the kernel's tables of system calls)."""
_NO_INITRAMFS = 4
_RESTART = 0x45584543
"""LINUX_REBOOT_CMD_KEXEC of <linux/reboot.h>."""
_LOADED = "sys/kernel/kexec_loaded"
_REASONS = {
    errno.EPERM: "the ramdisk's kernel does not allow it (locked down, or switched off)",
    errno.ENOSYS: "the ramdisk's kernel cannot do it",
    errno.ENOEXEC: "the ramdisk's kernel does not know this kind of kernel",
    errno.EKEYREJECTED: "the kernel's signature is not one that the ramdisk trusts",
    errno.ENOMEM: "the machine's memory is too small or too fragmented",
    errno.EADDRNOTAVAIL: "there is no place in the machine's memory",
}


def load_kernel(kernel: int, initrd: int | None, command_line: str) -> None:
    """Load a kernel, to be started by :func:`start_kernel`.

    Args:
        kernel: A descriptor of its file, open for reading.
        initrd: One of its initial ramdisk; ``None`` = it has none.
        command_line: Its arguments.

    Raises:
        KexecNotPossible: The running kernel refuses, or says that nothing is loaded.
    """
    text = command_line.encode() + b"\0"
    _call(kernel, -1 if initrd is None else initrd, text, _NO_INITRAMFS if initrd is None else 0)
    if SysRoot().number(_LOADED) != 1:
        raise KexecNotPossible("the ramdisk's kernel took the new one and has none now")


def start_kernel() -> None:
    """Start what was loaded; devices are shut down by the kernel before.

    Raises:
        KexecNotPossible: It was not started; if it was, nobody returns.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.reboot(_RESTART)
    raise KexecNotPossible(f"the loaded kernel was not started: {_reason(ctypes.get_errno())}")


def _call(kernel: int, initrd: int, text: bytes, flags: int) -> None:
    number = _CALLS.get(os.uname().machine)
    if number is None:
        raise KexecNotPossible(f"not known how to start a kernel on {os.uname().machine}")
    library = ctypes.CDLL(None, use_errno=True)
    arguments = (
        ctypes.c_long(number),
        ctypes.c_int(kernel),
        ctypes.c_int(initrd),
        ctypes.c_ulong(len(text)),
        ctypes.c_char_p(text),
        ctypes.c_ulong(flags),
    )
    if library.syscall(*arguments) != 0:
        raise KexecNotPossible(f"kexec_file_load: {_reason(ctypes.get_errno())}")


def _reason(number: int) -> str:
    return _REASONS.get(number) or os.strerror(number)
