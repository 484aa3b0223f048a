"""System calls that Python's library has not. Each raises ``OSError`` as the library's own do. Numbers: Linux, ``include/uapi/linux``."""

import ctypes
import os

NEW_MOUNT_NAMESPACE = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x2000, 0x4000, 0x40000
_MNT_DETACH = 0x2
_KEXEC_FILE_LOAD = {"x86_64": 320, "ppc64le": 382, "aarch64": 294, "riscv64": 294}
_KEXEC_FILE_NO_INITRAMFS = 0x4
_REBOOT_KEXEC = 0x45584543
_PIVOT_ROOT = {"x86_64": 155, "ppc64le": 203, "aarch64": 41, "riscv64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, subject: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)
    return result


def unshare(flags: int) -> None:
    """Give this thread namespaces of its own."""
    _check(_libc.unshare(flags), "unshare")


def mount(
    source: str, target: str, kind: str | None = None, flags: int = 0, options: str = ""
) -> None:
    """Mount something; ``kind`` = ``None`` where ``flags`` say that nothing new is mounted."""
    name = kind.encode() if kind else None
    text = options.encode() or None
    done = _libc.mount(source.encode(), target.encode(), name, ctypes.c_ulong(flags), text)
    _check(done, target)


def unmount_lazily(target: str) -> None:
    """Take a mount out of the tree now; it ends when nobody uses it any more."""
    _check(_libc.umount2(target.encode(), _MNT_DETACH), target)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make ``new_root``, a mount, the root of this mount namespace; the old one is mounted at ``put_old``."""
    call = ctypes.c_long(_PIVOT_ROOT[os.uname().machine])
    _check(_libc.syscall(call, new_root.encode(), put_old.encode()), new_root)


def kexec_file_load(kernel: int, initrd: int | None, command_line: str) -> None:
    """Load a kernel from open files, which :func:`start_loaded_kernel` starts; ``initrd`` = ``None``: it has none."""
    text = command_line.encode() + b"\0"
    flags = _KEXEC_FILE_NO_INITRAMFS if initrd is None else 0
    files = ctypes.c_int(kernel), ctypes.c_int(-1 if initrd is None else initrd)
    call = ctypes.c_long(_KEXEC_FILE_LOAD[os.uname().machine])
    done = _libc.syscall(call, *files, ctypes.c_ulong(len(text)), text, ctypes.c_ulong(flags))
    _check(done, "kexec_file_load")


def start_loaded_kernel() -> None:
    """Start the kernel that was loaded, in place of this one; return only by an error (reboot(2))."""
    _check(_libc.reboot(_REBOOT_KEXEC), "reboot")


def prctl(option: int, *arguments: int) -> None:
    """Change something about this process (prctl(2))."""
    rest = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *rest), f"prctl {option}")


def set_call_filter(program: bytes) -> None:
    """Have the kernel ask ``program``, in classic BPF, about every system call from now on (seccomp(2))."""
    instructions = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    filled = Program(len(program) // 8, ctypes.addressof(instructions))
    prctl(22, 2, ctypes.addressof(filled))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def set_capabilities(kept: int) -> None:
    """Let this process have the capabilities in the bit mask ``kept`` and no others."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    low, high = kept & 0xFFFFFFFF, kept >> 32
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _check(_libc.capset(header, data), "capset")
