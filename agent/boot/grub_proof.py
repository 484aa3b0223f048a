"""Whether GRUB really is where the firmware looks for it: read from the disk, compared with what the image installed from. Pure.

``include/grub/i386/pc/boot.h`` of GRUB 2.06; ``boot.img`` leads to the first sector of ``core.img``, whose block list leads to the rest.
"""

import struct
from collections.abc import Callable

from agent.boot.grub_plan import SECTOR_BYTES, GrubPlan
from agent.errors import BootloaderError

BOOT_CODE_BYTES = 440
"""What of the first sector belongs to boot code; the rest is the disk's signature and table."""
MOST_CORE_BYTES = 8 << 20
_CORE_SECTOR_AT = 0x5C
_BLOCK_LIST_AT = 0x1F4
_COMPARED_FROM, _COMPARED_TO = 2 * SECTOR_BYTES, 16 * SECTOR_BYTES
"""Of the core; its second sector gets the number of the boot device."""
_LEAST_CORE_BYTES = 4 * SECTOR_BYTES
_LEAST_WORDS = (b"menuentry", b"linux", b"blscfg")

Read = Callable[[int, int], bytes]
"""Takes the first byte and a number of bytes of the disk."""


def check_core(plan: GrubPlan, core: bytes | None, read: Read) -> int:
    """Compare the disk with the image's core; return the byte at which it begins.

    Raises:
        BootloaderError: The firmware would not find it; says what is there instead.
    """
    if core is None or len(core) < _LEAST_CORE_BYTES:
        raise BootloaderError(_not_done(f"left no {plan.core} behind"))
    if plan.is_prep:
        if not core.startswith(b"\x7fELF") or read(plan.start_byte, len(core)) != core:
            raise BootloaderError(_not_done(f"left no {plan.core} in the PReP partition"))
        return plan.start_byte
    code = read(0, BOOT_CODE_BYTES)
    if not any(code):
        raise BootloaderError(_not_done("wrote no boot code to the first sector"))
    start_byte = int(struct.unpack_from("<Q", code, _CORE_SECTOR_AT)[0]) * SECTOR_BYTES
    if not plan.start_byte <= start_byte < plan.end_byte - len(core):
        raise BootloaderError(
            _not_done(
                f"wrote boot code that leads to byte {start_byte}, and GRUB belongs between {plan.start_byte} and {plan.end_byte}"
            )
        )
    first = read(start_byte, SECTOR_BYTES)
    rest_byte = struct.unpack_from("<Q", first, _BLOCK_LIST_AT)[0] * SECTOR_BYTES
    is_inside = plan.start_byte <= rest_byte < plan.end_byte - len(core)
    begin = rest_byte + _COMPARED_FROM - SECTOR_BYTES
    wanted = core[_COMPARED_FROM:_COMPARED_TO]
    if (
        first[:_BLOCK_LIST_AT] != core[:_BLOCK_LIST_AT]
        or not is_inside
        or read(begin, len(wanted)) != wanted
    ):
        raise BootloaderError(
            _not_done(
                f"wrote boot code that leads to byte {start_byte}, where its {plan.core} is not"
            )
        )
    return start_byte


def check_configuration(plan: GrubPlan, content: bytes | None) -> None:
    """Look whether GRUB has something to start.

    Raises:
        BootloaderError: It has not.
    """
    if not content or not any(word in content for word in _LEAST_WORDS):
        raise BootloaderError(
            f"the image's grub-mkconfig left no {plan.configuration} that starts a kernel; does the image have one in /boot?"
        )


def _not_done(what: str) -> str:
    return f"the image's grub-install ended without an error and {what}; the disk does not boot: use another image, or UEFI"
