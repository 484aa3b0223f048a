"""What the machine boots from at its next start, told to its BMC."""

from typing import Any

from controller.boot.node_media import MEDIUM
from controller.hardware.bmc import BootDevice
from controller.hardware.boot_target import KEY, BootTarget
from controller.hardware.interface import BootsMedium
from controller.workflow.machine import boot_mode_of, interfaces_of, management_of
from controller.workflow.stage import Context

_KEY = "force_persistent_boot_device"
"""Of ``driver_info``; Ironic's values: ``Default``, ``Always``, ``Never``, and the old ``True``."""


def boot_instance_next(context: Context) -> dict[str, Any]:
    """Have the machine boot its instance from now on; returns the change of ``driver_internal_info``.

    Raises:
        Invalid, BmcError: As :func:`boot_next_from`.
    """
    interfaces = interfaces_of(context.services, context.node)
    target = interfaces.deploy.target(context.node)
    if target is BootTarget.DISK:
        boot_next_from(context, BootDevice.DISK)
    elif isinstance(interfaces.boot, BootsMedium):  # it is told when the image is in the drive
        return {KEY: str(target), MEDIUM: str(interfaces.boot.medium)}
    elif interfaces.boot.device is not None:
        boot_next_from(context, interfaces.boot.device, is_instance=True)
    return {KEY: str(target)}


def boot_next_from(context: Context, device: BootDevice, *, is_instance: bool = False) -> None:
    """Set the boot device: what the instance is on for good, others once, unless the node's ``driver_info`` wants it otherwise.

    Raises:
        Invalid: ``driver_info`` lacks something.
        BmcError: The BMC does not answer or refuses.
    """
    node, settings = context.node, context.settings
    wish = str(node.driver_info.get(_KEY))
    is_kept = is_instance or device is BootDevice.DISK
    for_good = wish != "Never" if is_kept else wish in {"Always", "True"}
    management_of(context.services, node).set_boot_device(
        device,
        mode=boot_mode_of(node, settings),
        persistent=for_good,
        timeout_s=settings.bmc_timeout_s,
    )
