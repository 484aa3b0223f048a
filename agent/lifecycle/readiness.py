"""Waits until the kernel has found what the agent cannot work without."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import LookupFailed
from agent.hardware.devices import NetworkInterface
from agent.hardware.registry import Hardware

log = logging.getLogger(__name__)
_PAUSE_S = 0.5
_FILE_PAUSE_S = 0.05
_LONGEST_WAIT_FOR_NICS_S = 60.0
_LONGEST_WAIT_FOR_BOOT_NIC_S = 15.0

Wait = Callable[[float], bool]


def wait_for_file(path: Path, wait: Wait) -> None:
    """Return as soon as ``path`` exists; there is no time limit: a cable may be plugged in later.

    Raises:
        LookupFailed: ``wait`` says that the agent shall end.
    """
    while not path.exists():
        if wait(_FILE_PAUSE_S):
            raise LookupFailed(f"told to end before the network was ready ({path} is not there)")


def wait_for_macs(
    hardware: Hardware,
    boot_mac: str | None,
    wait: Wait,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Return as soon as there is the network interface the machine was booted from, or any if that is not known.

    After 15 s without that one, the others have to do.

    Raises:
        LookupFailed: No network interface within a minute, or ``wait`` says that the agent shall end.
    """
    started = clock()
    while True:
        macs = order_macs(hardware.nics(), boot_mac)
        waited_s = clock() - started
        if macs and boot_mac in (None, macs[0]):
            return
        if macs and waited_s >= _LONGEST_WAIT_FOR_BOOT_NIC_S:
            log.warning(
                "the network interface this machine was booted from is not there",
                extra={"boot_mac": boot_mac, "found": macs, "waited_s": round(waited_s, 1)},
            )
            return
        if wait(_PAUSE_S):
            raise LookupFailed("told to end before the network interfaces were there")
        if waited_s >= _LONGEST_WAIT_FOR_NICS_S:
            raise LookupFailed(
                f"no network interface after {_LONGEST_WAIT_FOR_NICS_S:g} s; "
                "the ramdisk's kernel lacks the driver, or the firmware hides the card"
            )


def wait_for_addresses(hardware: Hardware, mac: str | None, timeout_s: float, wait: Wait) -> None:
    """Return as soon as interfaces have an IP address, or after ``timeout_s``: an inventory tells what there is.

    Args:
        hardware: The chain.
        mac: Of the interface that is waited for; ``None`` = all that have a carrier; empty text: it is not known, nothing is waited for.
        timeout_s: Longest wait; 0 = none.
        wait: Waits so many seconds; tells whether the agent shall end.
    """
    deadline = time.monotonic() + timeout_s
    while mac != "":
        nics = hardware.nics()
        wanted = [nic for nic in nics if (nic.has_carrier if mac is None else nic.mac == mac)]
        missing = [nic.name for nic in wanted if not (nic.ipv4 or nic.ipv6)]
        if not missing:
            return
        if time.monotonic() >= deadline or wait(_PAUSE_S):
            data = {"interfaces": ", ".join(missing), "waited_s": timeout_s}
            log.warning("no address for an interface that is inspected", extra=data)
            return


def order_macs(nics: Sequence[NetworkInterface], boot_mac: str | None) -> tuple[str, ...]:
    """Return the addresses of ``nics`` without repetition, ``boot_mac`` first if it is among them."""
    macs = dict.fromkeys(nic.mac for nic in nics if nic.mac)
    return tuple(sorted(macs, key=lambda mac: mac != boot_mac))


def wait_for_disks(hardware: Hardware, timeout_s: float, wait: Wait) -> None:
    """Return as soon as there is a disk, or after ``timeout_s``: a machine without disks can be inspected."""
    deadline = time.monotonic() + timeout_s
    while not hardware.disks():
        if time.monotonic() >= deadline or wait(min(_PAUSE_S, timeout_s)):
            log.warning("no disk found", extra={"waited_s": timeout_s})
            return
