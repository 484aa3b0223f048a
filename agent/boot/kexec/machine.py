"""What the running ramdisk says about starting another kernel: Secure Boot, lockdown, switches, memory."""

import os
import re

from agent.boot.kexec.plan import MachineState
from agent.system.memory import available_bytes
from agent.system.sysfs import SysRoot

_EFI = "sys/firmware/efi"
_SECURE_BOOT = f"{_EFI}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""UEFI specification 2.10, section 3.3; the kernel puts four bytes of attributes before the value."""
_VALUE_AT = 4
_LOCKDOWN = re.compile(r"\[(\w+)\]")


def read_machine(sys_root: SysRoot, architecture: str | None = None) -> MachineState:
    """Return the state of this machine; ``architecture`` = ``None``: this one's."""
    lockdown = _LOCKDOWN.search(sys_root.text("sys/kernel/security/lockdown") or "")
    return MachineState(
        architecture=architecture or os.uname().machine,
        is_uefi=sys_root.at(_EFI).is_dir(),
        secure_boot=_secure_boot(sys_root),
        lockdown=lockdown[1] if lockdown else None,
        can_kexec=sys_root.at("sys/kernel/kexec_loaded").exists(),
        is_disabled=sys_root.number("proc/sys/kernel/kexec_load_disabled") == 1
        or sys_root.number("proc/sys/kernel/kexec_load_limit_reboot") == 0,
        available_bytes=available_bytes(sys_root),
    )


def _secure_boot(sys_root: SysRoot) -> bool | None:
    try:
        content = sys_root.at(_SECURE_BOOT).read_bytes()
    except OSError:
        return None
    return content[_VALUE_AT:] == b"\x01" if len(content) > _VALUE_AT else None
