"""What the machine boots from at its next start, told to its BMC."""

from controller.hardware.bmc import BootDevice
from controller.workflow.machine import boot_mode_of, management_of
from controller.workflow.stage import Context

_KEY = "force_persistent_boot_device"
"""Of ``driver_info``; Ironic's values: ``Default``, ``Always``, ``Never``, and the old ``True``."""


def boot_next_from(context: Context, device: BootDevice) -> None:
    """Set the boot device: the disk for good, others once, unless the node's ``driver_info`` wants it otherwise.

    Raises:
        Invalid: ``driver_info`` lacks something.
        BmcError: The BMC does not answer or refuses.
    """
    node, settings = context.node, context.settings
    wish = str(node.driver_info.get(_KEY))
    for_good = wish != "Never" if device is BootDevice.DISK else wish in {"Always", "True"}
    management_of(context.services, node).set_boot_device(
        device,
        mode=boot_mode_of(node, settings),
        persistent=for_good,
        timeout_s=settings.bmc_timeout_s,
    )
