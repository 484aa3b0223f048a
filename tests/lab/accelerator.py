"""Whether machines may use KVM: only when asked for, and only when a Linux kernel really runs under it here.

Nested KVM that starts firmware and then hangs or dies in a Linux guest is common, so the self-test boots a kernel up to the
point where it misses its root file system: about 2 s where KVM works.
"""

import os
import subprocess
import tempfile
from pathlib import Path

TCG = "tcg,thread=multi"
KVM = "kvm"
WISH = "LAB_KVM"
"""Environment variable: ``1`` asks for KVM."""

_TIMEOUT_S = 20
_END_OF_THE_ROAD = b"Unable to mount root fs"
_KERNELS = Path(__file__).resolve().parents[2] / "build/ramdisk/ingot.vmlinuz", Path("/vmlinuz")


def chosen() -> str:
    """Return QEMU's ``-accel`` for this computer and the user's wish."""
    if os.environ.get(WISH) != "1" or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    kernel = next((path for path in _KERNELS if path.exists()), None)
    return KVM if kernel and runs_linux(kernel, KVM) else TCG


def runs_linux(kernel: Path, accelerator: str, *, timeout_s: float = _TIMEOUT_S) -> bool:
    """Tell whether ``kernel`` gets as far as the search for its root file system in ``timeout_s`` seconds."""
    arguments = (
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", accelerator, "-cpu", "max", "-smp", "2", "-m", "512M"),
        *("-kernel", str(kernel), "-append", "console=ttyS0 panic=-1 quiet", "-serial", "stdio"),
    )
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        output.seek(0)
        return _END_OF_THE_ROAD in output.read()
