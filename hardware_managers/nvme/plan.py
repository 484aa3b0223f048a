"""Which ways of erasing an NVMe namespace its drive announces, and what each is worth. Pure.

What counts for which level:

- Sanitize (block erase, overwrite, crypto erase) reaches purge: it covers every namespace, caches and blocks that the drive has
  set aside (NVM Express 2.0c, 5.24 and 8.21; IEEE 2883-2022 lists it as purge, and so did SP 800-88 Rev. 1, table A-8).
- Format NVM with User Data Erase counts as clear only. SP 800-88 Rev. 1, table A-8 took it for purge; Rev. 2 leaves techniques to
  IEEE 2883, and the format command promises nothing of other namespaces and blocks set aside.
- Format NVM with Cryptographic Erase counts as clear, and as destruction of the keys.
"""

from collections.abc import Sequence
from pathlib import Path

from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import (
    CLEARS,
    DESTROYS_KEYS,
    PURGES,
    EraseMethod,
    ErasePlan,
    EraseWish,
    plans_of,
)
from hardware_managers.nvme.drive import NvmeController, estimate_s

BLOCK, OVERWRITE, CRYPTO = "2", "3", "4"
"""Values of the sanitize command's SANACT."""
USER_DATA, KEY = "ses 1", "ses 2"
"""The format command's secure erase settings."""
_SWITCHED_OFF = (
    "switched off by agent_enable_nvme_secure_erase (Ironic: [deploy]enable_nvme_secure_erase)"
)


def plan_erasure(
    disk: BlockDevice,
    controller: NvmeController,
    wish: EraseWish,
    *,
    siblings: Sequence[Path] = (),
    remote: str | None = None,
    log: str = "",
) -> tuple[ErasePlan, ...]:
    """Return a plan for each method that the drive announces.

    Args:
        disk: The namespace.
        controller: What its controller says.
        wish: What the operator wants.
        siblings: The other namespaces of the same drive that this machine sees.
        remote: The transport of a drive in another machine (``tcp``); ``None`` = it is in this one.
        log: The sanitize log, for its estimates; empty = the drive has none.
    """
    obstacle = None if wish.use_nvme else _SWITCHED_OFF
    if remote is not None:
        obstacle = f"the drive is reached over {remote} and may serve others; erase it in the machine that it is in"
    formatted = siblings if controller.formats_every_namespace else ()
    return (
        *plans_of(disk, _sanitizers(disk, controller, log), obstacle=obstacle, also=siblings),
        *plans_of(disk, _formats(disk, controller), obstacle=obstacle, also=formatted),
    )


def _sanitizers(disk: BlockDevice, controller: NvmeController, log: str) -> tuple[EraseMethod, ...]:
    """Return what the sanitize command can do, with the estimates of the log."""
    line = f"nvme sanitize {disk.path} --sanact="
    return (
        EraseMethod(
            controller.can_sanitize_by_block_erase,
            BLOCK,
            "NVMe sanitize, block erase",
            f"{line}{BLOCK}",
            PURGES,
            100,
            expected_s=estimate_s(log, "Block Erase"),
        ),
        EraseMethod(
            controller.can_sanitize_by_key,
            CRYPTO,
            "NVMe sanitize, crypto erase",
            f"{line}{CRYPTO}",
            PURGES | DESTROYS_KEYS,
            90,
            is_quick=True,
            expected_s=estimate_s(log, "Crypto Erase"),
        ),
        EraseMethod(
            controller.can_sanitize_by_overwrite,
            OVERWRITE,
            "NVMe sanitize, overwrite",
            f"{line}{OVERWRITE} --owpass=1 --ovrpat=0",
            PURGES,
            80,
            expected_s=estimate_s(log, "Overwrite"),
        ),
    )


def _formats(disk: BlockDevice, controller: NvmeController) -> tuple[EraseMethod, ...]:
    """Return what the format command can do; it takes seconds."""
    rows = (
        (controller.can_destroy_keys_by_format, KEY, "cryptographic erase", DESTROYS_KEYS, 60),
        (controller.can_format, USER_DATA, "user data erase", CLEARS, 50),
    )
    return tuple(
        EraseMethod(
            can,
            action,
            f"NVMe format, {title}",
            f"nvme format {disk.path} --{action.replace(' ', '=')} --force",
            CLEARS | levels,
            strength,
            is_quick=True,
        )
        for can, action, title, levels, strength in rows
    )
