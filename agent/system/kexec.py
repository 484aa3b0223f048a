"""Starts another kernel in place of the running one.

The program ``kexec`` does the same, but reads the foreign kernel as root before. Here only the kernel reads it, from files that are open.
"""

import errno

from agent.errors import KexecNotPossible
from agent.system import kernel_calls
from agent.system.sysfs import SysRoot

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
    try:
        kernel_calls.kexec_file_load(kernel, initrd, command_line)
    except KeyError as error:
        raise KexecNotPossible(f"not known how to load a kernel on {error}") from error
    except OSError as error:
        raise KexecNotPossible(f"the kernel cannot be loaded: {_reason(error)}") from error
    if SysRoot().number(_LOADED) != 1:
        raise KexecNotPossible("the ramdisk's kernel took the new one and has none now")


def start_kernel() -> None:
    """Start what was loaded; devices are shut down by the kernel before.

    Raises:
        KexecNotPossible: It was not started; if it was, nobody returns.
    """
    try:
        kernel_calls.start_loaded_kernel()
    except OSError as error:
        raise KexecNotPossible(f"the loaded kernel was not started: {_reason(error)}") from error
    raise KexecNotPossible("the loaded kernel was not started, and nothing says why")


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or str(error.strerror)
