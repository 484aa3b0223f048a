"""UEFI HTTP boot of a Redfish system (DSP0268 ComputerSystem, ``Boot.HttpBootUri``)."""

import sushy
from sushy import exceptions
from sushy.resources.system.system import System


class AddressNotTakenError(exceptions.SushyError):  # type: ignore[misc]  # sushy has no types
    """A BMC that was told an address shows another one."""

    message = "it was told the address to boot from and does not show it; update its firmware, or boot by virtual media"


def boot_next(system: System, url: str) -> None:
    """Have the next start, and only that, fetch and boot what is at an address.

    Raises:
        InvalidParameterValueError: The system cannot boot by HTTP.
        MissingAttributeError: It has no property for the address.
        AddressNotTakenError: The address is not there afterwards.
    """
    system.set_system_boot_options(
        target=sushy.BootSource.UEFI_HTTP,
        enabled=sushy.BootSourceOverrideEnabled.ONCE,
        mode=sushy.BootSourceOverrideMode.UEFI,
        http_boot_uri=url,
    )
    system.refresh(force=True)
    if (system.json.get("Boot") or {}).get("HttpBootUri") != url and not system.json.get(
        "@Redfish.Settings"
    ):
        raise AddressNotTakenError
