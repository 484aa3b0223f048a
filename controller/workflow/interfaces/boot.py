"""Boot interfaces: how a machine comes to boot the ramdisk.

``ipxe``, ``pxe`` and ``http`` are one: what the firmware asks for is answered by what it is (``controller/boot/answer.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.boot.files import find_boot_file
from controller.errors import Invalid
from controller.hardware.bmc import BootDevice
from controller.hardware.interface import Facts
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.node_rules import check_boot_mode

_PROPERTIES = {
    "deploy_kernel": "Kernel of the deploy ramdisk: a path or an http(s) URL; default: the setting deploy_kernel.",
    "deploy_ramdisk": "Initramfs of the deploy ramdisk, likewise.",
    "rescue_kernel": "Kernel of the ramdisk for rescues; default: deploy_kernel.",
    "rescue_ramdisk": "Initramfs of the ramdisk for rescues, likewise.",
    "kernel_append_params": "Kernel arguments for the ramdisk; %default% in them stands for the setting's.",
    "force_persistent_boot_device": "Default (once for the ramdisk, for good for the disk), Always or Never.",
}


@dataclass(frozen=True, slots=True)
class NetworkBoot:
    """The firmware boots the ramdisk from the network."""

    properties: Mapping[str, str] = field(default_factory=lambda: dict(_PROPERTIES))
    device: BootDevice | None = BootDevice.PXE

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        self.require_files(facts.node, facts.settings)
        if not facts.has_boot_port:
            raise Invalid(
                f"node {facts.node.uuid} has no port with pxe_enabled; create one with the MAC address that it "
                "boots from"
            )

    def require_files(self, node: Node, settings: Settings, *, is_rescue: bool = False) -> None:
        """See :class:`controller.hardware.interface.BootInterface`; the boot mode must not be contradictory either."""
        for kind in ("kernel", "ramdisk"):
            find_boot_file(kind, node.driver_info, settings, is_rescue=is_rescue)
        check_boot_mode(node, settings)


@dataclass(frozen=True, slots=True)
class FakeBoot:
    """No ramdisk need be there; whatever the machine is, it is told to boot from the network. For tests without machines."""

    properties: Mapping[str, str] = field(default_factory=dict)
    device: BootDevice | None = BootDevice.PXE

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong."""

    def require_files(self, node: Node, settings: Settings, *, is_rescue: bool = False) -> None:
        """Find nothing missing."""


NETWORK = NetworkBoot()
FAKE = FakeBoot()
