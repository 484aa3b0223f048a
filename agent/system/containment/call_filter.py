"""Which system calls a contained program may not make, as a program that the kernel runs before each (seccomp(2)). Pure.

Most of the list needs capabilities that the program has not. The others are why it is there: what any program may do, and what leads
to the kernel's log and keys, to rarely used parts of the kernel, or, by a user namespace, to capabilities again.
"""

import errno
import struct
from collections.abc import Mapping

_INSTRUCTION = struct.Struct("<HBBI")
_LOAD, _IS_EQUAL, _IS_AT_LEAST, _HAS_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32_CALLS = 0x40000000
_NEW_NAMESPACES = 0x7E020080
"""Every CLONE_NEW... flag."""
_LOCAL_SOCKETS = 1
_ARCHITECTURES: Mapping[str, int] = {"x86_64": 0xC000003E, "ppc64le": 0xC0000015}
"""AUDIT_ARCH_... of <linux/audit.h>."""

# Linux 6.12, arch/x86/entry/syscalls/syscall_64.tbl and arch/powerpc/kernel/syscalls/syscall.tbl
_SAME = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442, "quotactl_fd": 443,
}  # fmt: skip
_DENIED: Mapping[str, Mapping[str, int]] = {
    "x86_64": _SAME | {
        "ptrace": 101, "syslog": 103, "pivot_root": 155, "chroot": 161, "acct": 163, "mount": 165, "umount2": 166, "swapon": 167,
        "swapoff": 168, "reboot": 169, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179,
        "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
        "fanotify_init": 300, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313,
        "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    },
    "ppc64le": _SAME | {
        "mount": 21, "ptrace": 26, "acct": 51, "umount2": 52, "chroot": 61, "swapon": 87, "reboot": 88, "socketcall": 102,
        "syslog": 103, "swapoff": 115, "init_module": 128, "delete_module": 129, "quotactl": 131, "pivot_root": 203, "rtas": 255,
        "kexec_load": 268, "add_key": 269, "request_key": 270, "keyctl": 271, "unshare": 282, "perf_event_open": 319,
        "fanotify_init": 323, "open_by_handle_at": 346, "setns": 350, "process_vm_readv": 351, "process_vm_writev": 352,
        "finit_module": 353, "bpf": 361, "userfaultfd": 364, "kexec_file_load": 382,
    },
}  # fmt: skip
_CLONE = {"x86_64": 56, "ppc64le": 120}
_CLONE3 = 435
_SOCKET = {"x86_64": 41, "ppc64le": 326}
MACHINES = tuple(_ARCHITECTURES)
"""Processors, as ``uname -m`` names them, for which there is a filter."""


def call_filter(machine: str) -> bytes:
    """Return the filter for a processor of :data:`MACHINES`.

    Denied calls fail with EPERM; ``clone3``, whose flags a filter cannot see, with ENOSYS, so that the C library takes ``clone``. Calls of
    another processor's numbering end the program.
    """
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_IS_EQUAL, _ARCHITECTURES[machine], yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [_step(_IS_AT_LEAST, _X32_CALLS, no=1), refuse]
    for number in sorted(set(_DENIED[machine].values())):
        steps += [_step(_IS_EQUAL, number, no=1), refuse]
    steps += [
        *(_step(_IS_EQUAL, _CLONE3, no=1), _step(_RETURN, _ERRNO | errno.ENOSYS)),
        *(_step(_IS_EQUAL, _CLONE[machine], no=4), _step(_LOAD, _FIRST_ARGUMENT_AT)),
        *(_step(_HAS_BIT, _NEW_NAMESPACES, no=1), refuse, allow),
        *(_step(_IS_EQUAL, _SOCKET[machine], no=3), _step(_LOAD, _FIRST_ARGUMENT_AT)),
        *(_step(_IS_EQUAL, _LOCAL_SOCKETS, yes=1), refuse),
        allow,
    ]
    return b"".join(steps)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, yes, no, value)
