"""A virtual server: power, boot device and what happened to it. QEMU is its hardware; its BMC is in `bmc`.

As with a real server, power is independent of what runs on it: a guest that shuts down leaves the server off, a guest that
reboots leaves it on and goes through the firmware again, a power cut loses what was not written.
"""

import threading
import time
from dataclasses import replace
from pathlib import Path

from tests.lab.bmc import VirtualBmc
from tests.lab.console import Console
from tests.lab.errors import LabError
from tests.lab.hardware import (
    BmcKind,
    BootDevice,
    BootOverride,
    Firmware,
    Hardware,
    InstalledDisk,
    Nic,
)
from tests.lab.machine_event import Event, EventKind
from tests.lab.network import Network
from tests.lab.nvram import boot_address_next
from tests.lab.qemu_run import QemuRun, install_nvram, start_qemu
from tests.lab.redfish.bmc import RedfishBmc
from tests.lab.redfish.facts import Facts, SecureBoot
from tests.lab.redfish.machine_facts import facts_of
from tests.lab.serial_line import SerialLine
from tests.lab.virtual_media import plug_in, pull_out


class Machine:
    """One virtual server; made by ``Lab.machine``. Every method may be called from any thread."""

    def __init__(
        self,
        hardware: Hardware,
        network: Network,
        *,
        logs: Path,
        bmc_address: str,
        bmc_kind: BmcKind = BmcKind.IPMI,
        redfish_folder: Path | None = None,
        beside: "Machine | None" = None,
    ) -> None:
        self.hardware = hardware
        self.name = hardware.name
        self.bmc_kind = bmc_kind
        self.console = Console(logs / f"{self.name}.console.log")
        self.qemu_log = logs / f"{self.name}.qemu.log"
        self._network = network
        self._events: list[Event] = []
        self._override: BootOverride | None = None
        self._media: dict[str, Path] = {}
        self._secure_boot = SecureBoot(
            possible=hardware.firmware is Firmware.UEFI, enabled=hardware.secure_boot
        )
        self._run: QemuRun | None = None
        self._changed = threading.Condition(threading.RLock())
        for nic in hardware.nics:
            network.add_tap(nic.tap)
        self._bmc: VirtualBmc | None = None
        self._redfish: RedfishBmc | None = None
        self._has_own_redfish = beside is None
        self.redfish_system = "/redfish/v1/Systems/1"
        """Where its Redfish BMC has it."""
        if bmc_kind is not BmcKind.REDFISH:
            log = logs / f"{self.name}.bmc.log"
            serial = SerialLine(self.console.type_bytes)
            self.console.on_bytes = serial.show
            self._bmc = VirtualBmc(self, network, address=bmc_address, log=log, serial=serial)
        if beside is not None:
            self._redfish = beside.redfish
            self.redfish_system = self._redfish.add(self)
        elif redfish_folder is not None:
            log = logs / f"{self.name}.redfish.log"
            self._redfish = RedfishBmc(
                self, network, address=bmc_address, log=log, folder=redfish_folder
            )

    @property
    def bmc(self) -> VirtualBmc:
        """The IPMI BMC.

        Raises:
            LabError: The machine was made with a Redfish BMC only.
        """
        if self._bmc is None:
            raise LabError(f"{self.name} has no IPMI; make it with bmc=BmcKind.BOTH")
        return self._bmc

    @property
    def redfish(self) -> RedfishBmc:
        """The Redfish BMC; of machines that were made beside another it is the other's.

        Raises:
            LabError: The machine was made without one.
        """
        if self._redfish is None:
            raise LabError(f"{self.name} has no Redfish; make it with bmc=BmcKind.REDFISH")
        return self._redfish

    @property
    def nics(self) -> tuple[Nic, ...]:
        return self.hardware.nics

    @property
    def disks(self) -> tuple[InstalledDisk, ...]:
        return self.hardware.disks

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, oldest first."""
        with self._changed:
            return tuple(self._events)

    @property
    def is_on(self) -> bool:
        with self._changed:
            return self._run is not None

    @property
    def qemu_pid(self) -> int:
        """Process number of the machine's QEMU.

        Raises:
            LabError: The machine is off.
        """
        with self._changed:
            return self._running().process.pid

    @property
    def boot_override(self) -> BootOverride | None:
        """The boot flags as they stand; ``None`` = the firmware's own order."""
        with self._changed:
            return self._override

    def power_on(self) -> None:
        """Switch the machine on; one that is on stays as it is."""
        with self._changed:
            if self._run is None:
                self._record(EventKind.POWER_ON)
                self._start()

    def power_off(self) -> None:
        """Cut the power: what the guest had not written is lost."""
        with self._changed:
            if self._run is not None:
                self._stop()
                self._record(EventKind.POWER_OFF)

    def reset(self) -> None:
        """Start over at once, through the firmware.

        Raises:
            LabError: The machine is off.
        """
        with self._changed:
            self._running()
            self._stop()
            self._record(EventKind.RESET)
            self._start()

    def soft_off(self) -> None:
        """Press the power button (ACPI); the guest decides what to make of it."""
        with self._changed:
            if self._run is not None:
                self._record(EventKind.SOFT_OFF)
                self._run.qmp.execute("system_powerdown")

    def interrupt(self) -> None:
        """Send a non-maskable interrupt.

        Raises:
            LabError: The machine is off.
        """
        with self._changed:
            self._running().qmp.execute("inject-nmi")

    def set_boot_device(
        self, device: BootDevice, *, persistent: bool = False, uefi: bool = False
    ) -> None:
        """Set the boot flags for the next start (power on, reset or guest reboot); DEFAULT clears them."""
        wanted = BootOverride(device=device, persistent=persistent, uefi=uefi)
        self.set_override(None if device is BootDevice.DEFAULT else wanted)

    def set_override(self, override: BootOverride | None) -> None:
        """Set the boot flags, or with ``None`` clear them."""
        with self._changed:
            self._override = override
            device = override.device if override else BootDevice.DEFAULT
            how = "persistent" if override and override.persistent else "once"
            self._record(EventKind.BOOT_DEVICE_SET, f"{device} {how}")

    def facts(self) -> Facts:
        """Return what a Redfish BMC knows of the machine now."""
        with self._changed:
            boots = sum(event.kind is EventKind.BOOT for event in self._events)
            return facts_of(
                self.hardware,
                is_on=self._run is not None,
                boots=boots,
                override=self._override,
                secure_boot=self._secure_boot,
            )

    def insert_medium(self, slot: str, image: Path) -> None:
        """Put a medium in, also while the machine runs.

        Raises:
            LabError: QEMU refuses.
        """
        with self._changed:
            if self._run is not None:
                plug_in(self._run.qmp.execute, slot, image)
            self._media[slot] = image

    def eject_medium(self, slot: str) -> None:
        """Take a medium out, also while the machine runs.

        Raises:
            LabError: QEMU does not let go of it.
        """
        with self._changed:
            if self._run is not None:
                pull_out(self._run.qmp.execute, slot)
            self._media.pop(slot, None)

    def set_secure_boot(self, *, enabled: bool, keys: bool) -> None:
        """Have the next start use Secure Boot or not; that changes the firmware and empties its NVRAM."""
        with self._changed:
            self._secure_boot = replace(self._secure_boot, enabled=enabled, keys=keys)

    def wait_for_event(self, kind: EventKind, *, timeout_s: float, after: int = 0) -> Event:
        """Wait for an event of ``kind`` among ``events[after:]``.

        Raises:
            LabError: There is none within ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for event in self._events[after:]:
                    if event.kind is kind:
                        return event
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    happened = ", ".join(f"{event.kind} {event.detail}" for event in self._events)
                    raise LabError(
                        f"{self.name}: no {kind!r} within {timeout_s:g} s, but: {happened}"
                    )

    def qmp(self, command: str, **arguments: object) -> object:
        """Give QEMU a control order (``query-blockstats`` ...) and return its answer.

        Raises:
            LabError: The machine is off, or QEMU refuses.
        """
        with self._changed:
            return self._running().qmp.execute(command, **arguments)

    def close(self) -> None:
        """Switch off and take the machine out of the rack; its disks are deleted, its logs stay."""
        if self._bmc:
            self._bmc.stop()
        self.power_off()
        if self._redfish and self._has_own_redfish:
            self._redfish.remove()
        for nic in self.nics:
            self._network.remove_tap(nic.tap)
        for disk in self.disks:
            disk.path.unlink(missing_ok=True)

    def _running(self) -> QemuRun:
        if self._run is None:
            raise LabError(f"{self.name} is off; switch it on")
        return self._run

    def _start(self) -> None:
        boot = self._override.device if self._override else BootDevice.DEFAULT
        address = self._override.http_uri if self._override else None
        if self._override and not self._override.persistent:
            self._override = None
        self._choose_firmware()
        if address and self.hardware.uefi_variables:
            boot_address_next(self.hardware.uefi_variables, address)
        self._run = start_qemu(
            self.hardware,
            boot,
            self._media,
            network=self._network,
            console=self.console,
            log=self.qemu_log,
        )
        threading.Thread(target=self._watch, args=(self._run,), daemon=True).start()
        self._record(EventKind.BOOT, boot)

    def _choose_firmware(self) -> None:
        """Change to the firmware with Secure Boot, or to the one without, if that was asked for."""
        enabled = self._secure_boot.enabled
        if enabled != self.hardware.secure_boot and self.hardware.uefi_variables:
            install_nvram(self.hardware.firmware, self.hardware.uefi_variables, secure_boot=enabled)
            self.hardware = replace(self.hardware, secure_boot=enabled)
        self._secure_boot = replace(self._secure_boot, running=enabled)

    def _stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.kill()

    def _watch(self, run: QemuRun) -> None:
        """Wait for the end of one QEMU process and, if it ended by itself, do what the server would do."""
        run.wait()
        with self._changed:
            if self._run is not run:  # power_off or reset ended it
                return
            self._run = None
            match run.qmp.shutdown_reason:
                case "guest-reset":
                    self._record(EventKind.GUEST_REBOOT)
                    self._start()
                case "guest-shutdown":
                    self._record(EventKind.GUEST_SHUTDOWN)
                case reason:
                    words = f"status {run.process.returncode}, reason {reason}"
                    self._record(EventKind.EXIT, f"{words}; see {self.qemu_log}")

    def _record(self, kind: EventKind, detail: str = "") -> None:
        self._events.append(Event(time_s=time.monotonic(), kind=kind, detail=detail))
        self._changed.notify_all()
