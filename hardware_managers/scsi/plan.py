"""Which ways of erasing a SCSI drive it announces, and what each is worth. Pure.

What counts for which level:

- SANITIZE (block erase, overwrite, cryptographic erase) reaches purge: SP 800-88 Rev. 1, tables A-6 and A-8; IEEE 2883-2022.
- FORMAT UNIT with the security initialize bit and the default pattern counts as clear: the drive is told to write the pattern to
  everything that it can reach (SBC-3, 5.3). Without the bit it promises nothing of user data, so it is not offered.

Only what REPORT SUPPORTED OPERATION CODES names as supported is offered: drives (and QEMU's) accept FORMAT UNIT and do nothing.
"""

from collections.abc import Collection

from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import (
    CLEARS,
    DESTROYS_KEYS,
    PURGES,
    EraseMethod,
    ErasePlan,
    plans_of,
)

BLOCK, CRYPTO, OVERWRITE, FORMAT = "block", "crypto", "overwrite", "format"
OPERATION_CODES = {BLOCK: "0x48,2", CRYPTO: "0x48,3", OVERWRITE: "0x48,1", FORMAT: "0x4"}
"""Operation code and service action of each method; SBC-3, tables 3 and 90."""


def plan_erasure(disk: BlockDevice, announced: Collection[str]) -> tuple[ErasePlan, ...]:
    """Return a plan for each announced method (``BLOCK``, ``CRYPTO``, ``OVERWRITE``, ``FORMAT``)."""
    start = f"sg_sanitize --quick --early --{{}} {disk.path}"
    zeros = "overwrite --zero --count=1"
    table = (
        (BLOCK, "SCSI sanitize, block erase", start.format(BLOCK), PURGES, 100),
        (
            CRYPTO,
            "SCSI sanitize, cryptographic erase",
            start.format(CRYPTO),
            PURGES | DESTROYS_KEYS,
            90,
        ),
        (OVERWRITE, "SCSI sanitize, overwrite", start.format(zeros), PURGES, 80),
        (
            FORMAT,
            "SCSI format, security initialize",
            f"sg_format --format --security --quick --early {disk.path}",
            CLEARS,
            50,
        ),
    )
    methods = (
        EraseMethod(action in announced, action, title, line, levels, strength, action == CRYPTO)
        for action, title, line, levels, strength in table
    )
    return plans_of(disk, methods)
