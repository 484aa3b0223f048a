"""Which ways of erasing an ATA drive it announces, and what each is worth. Pure.

What counts for which level:

- The sanitize device feature set (BLOCK ERASE EXT, OVERWRITE EXT, CRYPTO SCRAMBLE EXT) reaches purge: SP 800-88 Rev. 1, tables A-5
  and A-8, which prefers it to the security feature set; IEEE 2883-2022 likewise.
- SECURITY ERASE UNIT in enhanced mode reaches purge on rotating drives (SP 800-88 Rev. 1, table A-5) and clear on flash, for which
  table A-8 lists it as clear only. A drive that does not tell a rotation rate counts as flash.
- SECURITY ERASE UNIT in normal mode reaches clear: it writes to what can be addressed.
"""

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
from hardware_managers.ata.drive import AtaDrive, SanitizeState

BLOCK, SCRAMBLE, OVERWRITE = "block-erase", "crypto-scramble", "overwrite"
ENHANCED, NORMAL = "security-erase-enhanced", "security-erase"
PASSWORD = "NULL"  # noqa: S105  # hdparm's word for a password of zeros; the erasure removes it
_SWITCHED_OFF = (
    "switched off by agent_enable_ata_secure_erase (Ironic: [deploy]enable_ata_secure_erase)"
)
_FROZEN = (
    "its security is frozen, which the machine's firmware does at every start: take the freeze lock off in the firmware's"
    " settings, or unplug the drive and plug it in again while the machine runs"
)
_EXPIRED = "too many wrong passwords were tried: cut its power and try again"
_SANITIZE_FROZEN = "its sanitize commands are frozen until the next power cycle: cut the machine's power and try again"


def plan_erasure(
    disk: BlockDevice, drive: AtaDrive, wish: EraseWish, sanitize: SanitizeState | None = None
) -> tuple[ErasePlan, ...]:
    """Return a plan for each method that the drive announces.

    A locked drive has a plan without an obstacle: to unlock it is tried when it is carried out.

    Args:
        disk: The drive.
        drive: What it says.
        wish: What the operator wants.
        sanitize: The state of its sanitize commands; ``None`` = it has none.
    """
    off = None if wish.use_ata else _SWITCHED_OFF
    stands_frozen = _SANITIZE_FROZEN if sanitize is not None and sanitize.is_frozen else None
    return (
        *plans_of(disk, _sanitizers(disk, drive), obstacle=off or stands_frozen),
        *plans_of(disk, _secure_erases(disk, drive), obstacle=off or _security_obstacle(drive)),
    )


def _sanitizers(disk: BlockDevice, drive: AtaDrive) -> tuple[EraseMethod, ...]:
    line = "hdparm --yes-i-know-what-i-am-doing --sanitize-"
    zeros = f"{OVERWRITE} 0 --sanitize-overwrite-passes 1"
    rows = (
        (drive.can_block_erase, BLOCK, "block erase", BLOCK, PURGES, 100),
        (
            drive.can_scramble,
            SCRAMBLE,
            "cryptographic scramble",
            SCRAMBLE,
            PURGES | DESTROYS_KEYS,
            90,
        ),
        (drive.can_overwrite, OVERWRITE, "overwrite", zeros, PURGES, 80),
    )
    return tuple(
        EraseMethod(
            can,
            action,
            f"ATA sanitize, {title}",
            f"{line}{words} {disk.path}",
            levels,
            strength,
            is_quick=action == SCRAMBLE,
        )
        for can, action, title, words, levels, strength in rows
    )


def _secure_erases(disk: BlockDevice, drive: AtaDrive) -> tuple[EraseMethod, ...]:
    enhanced = PURGES if drive.is_rotating and disk.is_rotational else CLEARS
    rows = (
        (drive.can_enhanced, ENHANCED, "enhanced secure erase", enhanced, 60),
        (drive.has_security, NORMAL, "secure erase", CLEARS, 50),
    )
    return tuple(
        EraseMethod(
            can,
            action,
            f"ATA {title}",
            f"hdparm --user-master u --{action} {PASSWORD} {disk.path}",
            levels,
            strength,
            expected_s=drive.erase_s(enhanced=action == ENHANCED),
        )
        for can, action, title, levels, strength in rows
    )


def _security_obstacle(drive: AtaDrive) -> str | None:
    if drive.is_frozen:
        return _FROZEN
    return _EXPIRED if drive.is_expired else None
