"""Boot interfaces: how a machine comes to boot the ramdisk.

``ipxe``: what the firmware asks for is answered by what it is (``controller/boot/answer.py``). ``pxe`` and ``http`` are GRUB behind
Debian's signed shim (``controller/boot/grub_answer.py``), by TFTP or, where the firmware asks for that, on a medium by UEFI HTTP boot.
``redfish-virtual-media`` and ``redfish-https`` need neither DHCP nor TFTP: the BMC shows the machine an image of its own, or has the
firmware fetch it (``controller/boot/node_media.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.bmc.redfish_target import PROPERTIES as REDFISH_PROPERTIES
from controller.bmc.redfish_target import parse_target
from controller.boot.answer import expand_params, own_params
from controller.boot.files import find_boot_file, find_boot_iso
from controller.boot.loaders import missing_grub
from controller.boot.node_media import EXTERNAL_URL, base_url_of
from controller.boot.script_text import grub_arguments
from controller.errors import Invalid
from controller.hardware.abilities import HasVirtualMedia
from controller.hardware.bmc import BootDevice, BootMode
from controller.hardware.interface import Facts, MediumWay
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import boot_mode_of
from controller.workflow.node_rules import check_boot_mode

_PROPERTIES = {
    "deploy_kernel": "Kernel of the deploy ramdisk: a path or an http(s) URL; default: the setting deploy_kernel.",
    "deploy_ramdisk": "Initramfs of the deploy ramdisk, likewise.",
    "rescue_kernel": "Kernel of the ramdisk for rescues; default: deploy_kernel.",
    "rescue_ramdisk": "Initramfs of the ramdisk for rescues, likewise.",
    "kernel_append_params": "Kernel arguments for the ramdisk, unless instance_info has some; %default% in them stands for the setting's.",
    "local_boot_by_order": "Whether the machine is given no loader while it runs the system on its disk; default: the setting.",
    "force_persistent_boot_device": "Default (once for the ramdisk, for good for the disk), Always or Never.",
}
_OF_MEDIA = {
    **{key: text for key, text in _PROPERTIES.items() if key != "local_boot_by_order"},
    "deploy_iso": "A ready image with the ramdisk, a path or an http(s) URL, in place of the one that the controller makes.",
    "rescue_iso": "Likewise for rescues; default: deploy_iso.",
    EXTERNAL_URL: "URL of the controller as the BMC sees it; default: the setting public_url.",
    **REDFISH_PROPERTIES,
}


@dataclass(frozen=True, slots=True)
class NetworkBoot:
    """The firmware boots the ramdisk from the network."""

    properties: Mapping[str, str] = field(default_factory=lambda: dict(_PROPERTIES))
    device: BootDevice | None = BootDevice.PXE
    boots_instances: bool = True

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
class GrubBoot(NetworkBoot):
    """The same by GRUB, which fetches files through the controller only and takes no quotes in kernel arguments."""

    def require_files(self, node: Node, settings: Settings, *, is_rescue: bool = False) -> None:
        """See :class:`controller.hardware.interface.BootInterface`."""
        _require_local_files(node, settings, is_rescue=is_rescue)
        check_boot_mode(node, settings)
        if settings.dhcp == "proxy":
            raise Invalid(
                'boot interfaces pxe and http need dhcp = "range": GRUB fetches from the server that gave the address, and firmware '
                "that boots by HTTP is known by its address; set that, or choose the boot interface ipxe"
            )
        if settings.dhcp != "off":
            _require_grub(node, settings)


def _require_local_files(node: Node, settings: Settings, *, is_rescue: bool) -> None:
    """Check that GRUB can have kernel and ramdisk, and pass the kernel's arguments on."""
    for kind in ("kernel", "ramdisk"):
        file = find_boot_file(kind, node.driver_info, settings, is_rescue=is_rescue)
        if file.url:
            raise Invalid(
                f"the {kind} is {file.url[:200]}, and GRUB fetches nothing from web servers; give a file of the "
                "controller's machine, or choose the boot interface ipxe"
            )
    own = own_params(node.instance_info, node.driver_info)
    grub_arguments(expand_params(own, settings.kernel_append_params))


def _require_grub(node: Node, settings: Settings) -> None:
    is_bios = boot_mode_of(node, settings) is BootMode.BIOS
    if missing := missing_grub(settings, is_bios=is_bios):
        packages = (
            "grub-pc-bin and grub-common" if is_bios else "shim-signed and grub-efi-amd64-signed"
        )
        raise Invalid(
            f"GRUB needs {' and '.join(missing)}: install {packages} on the controller's machine, or set grub_directory"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumBoot:
    """The machine boots the ramdisk from an image of its own, which the controller makes; see ``stages/medium.py``."""

    medium: MediumWay
    device: BootDevice | None
    properties: Mapping[str, str] = field(default_factory=lambda: dict(_OF_MEDIA))
    media_interface: str = "redfish"
    boots_instances: bool = False

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`; no port need be there to boot from, but lookups go by one."""
        self.require_files(facts.node, facts.settings)
        own = facts.interfaces.management.connect(facts.driver_info)
        if not isinstance(own, HasVirtualMedia):
            parse_target(facts.driver_info)

    def require_files(self, node: Node, settings: Settings, *, is_rescue: bool = False) -> None:
        """See :class:`controller.hardware.interface.BootInterface`."""
        check_boot_mode(node, settings)
        base_url_of(node, settings)
        is_http = self.medium is MediumWay.UEFI_HTTP
        if is_http and boot_mode_of(node, settings) is not BootMode.UEFI:
            raise Invalid(
                "the boot interface redfish-https needs UEFI, and the node boots in BIOS mode; set boot_mode:uefi in its"
                " capabilities, or choose redfish-virtual-media"
            )
        if find_boot_iso(node.driver_info, settings, is_rescue=is_rescue) is not None:
            return
        _require_local_files(node, settings, is_rescue=is_rescue)
        _require_grub(node, settings)


@dataclass(frozen=True, slots=True)
class FakeBoot:
    """No ramdisk need be there; whatever the machine is, it is told to boot from the network. For tests without machines."""

    properties: Mapping[str, str] = field(default_factory=dict)
    device: BootDevice | None = BootDevice.PXE
    boots_instances: bool = False

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong."""

    def require_files(self, node: Node, settings: Settings, *, is_rescue: bool = False) -> None:
        """Find nothing missing."""


NETWORK = NetworkBoot()
GRUB = GrubBoot()
VIRTUAL_MEDIA = MediumBoot(medium=MediumWay.DRIVE, device=BootDevice.CDROM)
UEFI_HTTP = MediumBoot(medium=MediumWay.UEFI_HTTP, device=None)
FAKE = FakeBoot()
