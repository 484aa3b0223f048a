"""Recognizes kernels by their first bytes. Pure.

Source: Linux ``Documentation/arch/x86/boot.rst`` (``HdrS`` at 0x202, ``xloadflags`` at 0x236, from protocol 2.12 on) and
``Documentation/arch/arm64/booting.rst`` (magic number at 56). arm64 kernels in EFI's compressed form or gzip are not recognized: what
the ramdisk's kernel can unpack depends on its version.
"""

import struct

HEAD_BYTES = 4096
_X86_MAGIC_AT, _X86_MAGIC = 0x202, b"HdrS"
_X86_VERSION_AT, _X86_XLOADFLAGS_AT = 0x206, 0x236
_X86_HAS_XLOADFLAGS = 0x020C
_XLF_KERNEL_64 = 1
_ARM64_MAGIC_AT, _ARM64_MAGIC = 56, b"ARM\x64"


def architecture_of(head: bytes) -> str | None:
    """Return for which processor a kernel is, as ``uname -m`` names it; ``None`` = this is no kernel that is known here.

    Args:
        head: The file's first ``HEAD_BYTES``, or all of it.
    """
    if len(head) < HEAD_BYTES:
        return None
    if head[_X86_MAGIC_AT : _X86_MAGIC_AT + 4] == _X86_MAGIC:
        (version,) = struct.unpack_from("<H", head, _X86_VERSION_AT)
        (flags,) = struct.unpack_from("<H", head, _X86_XLOADFLAGS_AT)
        is_64 = version >= _X86_HAS_XLOADFLAGS and flags & _XLF_KERNEL_64
        return "x86_64" if is_64 else "i686"
    if head[_ARM64_MAGIC_AT : _ARM64_MAGIC_AT + 4] == _ARM64_MAGIC:
        return "aarch64"
    return None
