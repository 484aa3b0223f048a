"""UEFI HTTP boot of a Redfish system (DSP0268 ComputerSystem, ``Boot.HttpBootUri``)."""

import sushy
from sushy import exceptions
from sushy.resources.system.system import System

from controller.bmc.redfish_boot_device import check_target
from controller.bmc.redfish_errors import NotOfferedError

_ELSE = "update its firmware, or choose a boot_interface that needs no HTTP boot (redfish-virtual-media, ipxe)"


class AddressNotTakenError(exceptions.SushyError):  # type: ignore[misc]  # sushy has no types
    """A BMC that was told an address shows another one."""

    message = "it was told the address to boot from and does not show it; update its firmware, or boot by virtual media"


def boot_next(system: System, url: str) -> None:
    """Have the next start, and only that, fetch and boot what is at an address.

    Raises:
        NotDoneError: The system cannot boot by HTTP.
        NotOfferedError: It has no property for the address.
        AddressNotTakenError: The address is not there afterwards.
    """
    check_target(system, sushy.BootSource.UEFI_HTTP)
    try:
        system.set_system_boot_options(
            target=sushy.BootSource.UEFI_HTTP,
            enabled=sushy.BootSourceOverrideEnabled.ONCE,
            mode=sushy.BootSourceOverrideMode.UEFI,
            http_boot_uri=url,
        )
    except exceptions.MissingAttributeError as error:
        raise NotOfferedError("an address to boot from (HttpBootUri)", _ELSE) from error
    system.refresh(force=True)
    if (system.json.get("Boot") or {}).get("HttpBootUri") != url and not system.json.get(
        "@Redfish.Settings"
    ):
        raise AddressNotTakenError
