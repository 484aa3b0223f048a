"""Which ways of erasing an ATA drive it announces, and what each is worth. Pure.

What counts for which level:

- The sanitize device feature set (BLOCK ERASE EXT, OVERWRITE EXT, CRYPTO SCRAMBLE EXT) reaches purge: SP 800-88 Rev. 1, tables A-5
  and A-8, which prefers it to the security feature set; IEEE 2883-2022 likewise.
- SECURITY ERASE UNIT in enhanced mode reaches purge on rotating drives (SP 800-88 Rev. 1, table A-5) and clear on flash, for which
  table A-8 lists it as clear only. A drive that does not tell a rotation rate counts as flash.
- SECURITY ERASE UNIT in normal mode reaches clear: it writes to what can be addressed.
"""

from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import EraseLevel, ErasePlan, EraseWish
from hardware_managers.ata.drive import AtaDrive, SanitizeState

_CLEAR = frozenset({EraseLevel.CLEAR})
_PURGE = _CLEAR | {EraseLevel.PURGE}
_KEYS = frozenset({EraseLevel.DESTROY_KEYS})
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
    plans = []
    for can, action, title, levels, strength in (
        (drive.can_block_erase, BLOCK, "block erase", _PURGE, 100),
        (drive.can_scramble, SCRAMBLE, "cryptographic scramble", _PURGE | _KEYS, 90),
        (drive.can_overwrite, OVERWRITE, "overwrite", _PURGE, 80),
    ):
        if can:
            more = " 0 --sanitize-overwrite-passes 1" if action == OVERWRITE else ""
            plans.append(
                ErasePlan(
                    disk=disk,
                    method=f"ATA sanitize, {title}",
                    command=f"hdparm --yes-i-know-what-i-am-doing --sanitize-{action}{more} {disk.path}",
                    levels=levels,
                    strength=strength,
                    action=action,
                    obstacle=off or stands_frozen,
                    is_quick=action == SCRAMBLE,
                )
            )
    obstacle = off or _security_obstacle(drive)
    enhanced = _PURGE if drive.is_rotating and disk.is_rotational else _CLEAR
    for can, action, title, levels, strength in (
        (drive.can_enhanced, ENHANCED, "enhanced secure erase", enhanced, 60),
        (drive.has_security, NORMAL, "secure erase", _CLEAR, 50),
    ):
        if can:
            plans.append(
                ErasePlan(
                    disk=disk,
                    method=f"ATA {title}",
                    command=f"hdparm --user-master u --{action} {PASSWORD} {disk.path}",
                    levels=levels,
                    strength=strength,
                    action=action,
                    obstacle=obstacle,
                    expected_s=drive.erase_s(enhanced=action == ENHANCED),
                )
            )
    return tuple(plans)


def _security_obstacle(drive: AtaDrive) -> str | None:
    if drive.is_frozen:
        return _FROZEN
    return _EXPIRED if drive.is_expired else None
