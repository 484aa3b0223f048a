"""The hardware type ``ssh``: virtual machines of a libvirt or VirtualBox host as bare metal, switched by its own commands over SSH.

For test beds: keys and ways are those of the driver that Ironic once had. The machine is the one with a MAC address of the node's ports.
"""

import time
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.bmc.kept import Kept, digest_of
from controller.bmc.ssh_target import PROPERTIES, SshTarget, parse_target
from controller.bmc.ssh_wire import SshWire
from controller.bmc.virtual_hosts import HOSTS, machine_with
from controller.errors import BmcError
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PoweredNode, PowerState
from controller.hardware.interface import Facts


class SshDriver:
    """Makes connections of virtual machines."""

    boot_advice = ""

    def __init__(self) -> None:
        """Know no host yet."""
        self.properties = dict(PROPERTIES)
        self.wire = SshWire()
        self._names: Kept[str, tuple[tuple[str, tuple[str, ...]], str]] = Kept()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "VirtualMachine":  # noqa: ARG002  # as all
        """Refuse: the MAC addresses are not in ``driver_info``."""
        raise BmcError("power_interface ssh works with a node, not with driver_info alone")

    def connect_node(self, node: PoweredNode) -> "VirtualMachine":
        """Return the connection; see :class:`controller.hardware.interface.ConnectsNodes`."""
        return VirtualMachine(node, parse_target(dict(node.driver_info)), self)

    def name_of(self, node: PoweredNode, target: SshTarget, timeout_s: float) -> str:
        """Return the machine's name on its host, which is looked for once.

        Raises:
            BmcError: No machine there has a MAC address of the node, or two have.
        """
        what = (digest_of(target), node.macs)
        known = self._names.get(node.uuid)
        if known and known[0] == what:
            return known[1]
        host = HOSTS[target.virt_type]
        done = self.wire.run(target, host.find, timeout_s=timeout_s)
        name = machine_with(host, done.output, node.macs)
        if name is None:
            why = clean_line((done.errors.strip().splitlines() or [""])[-1], 200)
            macs = ", ".join(node.macs) or "it has none"
            raise BmcError(
                f"{target.where}: no virtual machine there has a MAC address of {node.label} ({macs}){': ' + why if why else ''};"
                " check the node's ports and ssh_username's rights"
            )
        self._names.put(node.uuid, (what, name))
        return name

    def forget(self, node: PoweredNode) -> None:
        """Look for the machine anew with the next call."""
        self._names.pop(node.uuid)


class VirtualMachine:
    """One machine; see ``Bmc`` for what the methods promise."""

    def __init__(self, node: PoweredNode, target: SshTarget, driver: SshDriver) -> None:
        """Ask nothing yet."""
        self._node = node
        self._target = target
        self._driver = driver
        self._host = HOSTS[target.virt_type]

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask the host for the machine's state."""
        return self._host.power_state(self._run(self._host.state, time.monotonic() + timeout_s))

    def power_on(self, *, timeout_s: float) -> None:
        """Start the machine."""
        self._run(self._host.start, time.monotonic() + timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        """Cut its power."""
        self._run(self._host.cut, time.monotonic() + timeout_s)

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Press its power button."""
        self._run(self._host.shut_down, time.monotonic() + timeout_s)

    def reset(self, *, timeout_s: float) -> None:
        """Press its reset button."""
        self._run(self._host.reset, time.monotonic() + timeout_s)

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask what is first in its boot order, which is always for good."""
        shown = self._run(self._host.show_boot, time.monotonic() + timeout_s).split()
        known = {words[0]: device for device, words in self._host.devices.items()}
        device = known.get(shown[0]) if shown else None
        return BootOverride(device=device, is_persistent=True if device else None)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Change the boot order, for the next start and all others: hosts know no order for once."""
        del mode, persistent  # the firmware is the machine's own; see above
        ends_at = time.monotonic() + timeout_s
        words = self._host.devices.get(device)
        if words is None:
            possible = ", ".join(self._host.devices)
            raise BmcError(
                f"{self._target.where}: {self._target.virt_type} cannot have a machine boot {device}; possible: {possible}"
            )
        if tuple(self._run(self._host.show_boot, ends_at).split()) != words:
            self._run(self._host.set_boot, ends_at, first=words[0], second=words[1])

    def _run(self, template: str, ends_at: float, **words: str) -> str:
        """Run a command about the machine and return what it printed.

        Raises:
            BmcError: The host refuses; what is so already is no refusal.
        """
        name = self._driver.name_of(self._node, self._target, ends_at - time.monotonic())
        command = self._host.command(template, name, **words)
        left_s = ends_at - time.monotonic()
        done = self._driver.wire.run(self._target, command, timeout_s=left_s)
        if not done.exit_code or any(said in done.errors for said in self._host.done_already):
            return done.output
        if any(said in done.errors for said in self._host.gone):
            self._driver.forget(self._node)
        why = clean_line(" ".join(done.errors.split()) or f"it ended with {done.exit_code}", 300)
        raise BmcError(f"{self._target.where}: virtual machine {clean_line(name, 60)!r}: {why}")
