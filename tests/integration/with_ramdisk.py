"""Settings under which a node of ``fake-hardware`` is worked at as any other: by the ramdisk. By itself nothing is done with it."""

from collections.abc import Mapping
from types import MappingProxyType

WITH_RAMDISK: Mapping[str, str] = MappingProxyType(
    {
        "default_bios_interface": "no-bios",
        "default_boot_interface": "ipxe",
        "default_console_interface": "no-console",
        "default_deploy_interface": "direct",
        "default_firmware_interface": "no-firmware",
        "default_inspect_interface": "agent",
        "default_raid_interface": "no-raid",
        "default_rescue_interface": "agent",
        "default_storage_interface": "noop",
        "default_vendor_interface": "no-vendor",
    }
)
