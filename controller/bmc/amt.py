"""The hardware type ``amt``: desktops and notebooks with Intel AMT (vPro). Keys are those of Ironic's staging driver.

Power states are those of CIM_AssociatedPowerManagementService and CIM_PowerManagementService (DSP1027), as Intel's AMT SDK describes them. A
boot device holds for one boot; after that the firmware's own order does.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from controller.bmc.address import parse_address
from controller.bmc.amt_wire import ANONYMOUS, CIM, AmtTarget, AmtWire, MethodFailed, number_in
from controller.bmc.driver_info_values import choice, text
from controller.errors import AlreadySo, BmcError, Invalid
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts

_PORTS = {"HTTP": 16992, "HTTPS": 16993}
_ON, _OFF, _RESET = 2, 8, 10
_STATES: Mapping[int, PowerState] = MappingProxyType(
    {
        **dict.fromkeys((2, 3, 4), PowerState.ON),
        **dict.fromkeys((6, 7, 8), PowerState.OFF),
    }
)
"""2 on, 3 and 4 asleep, 6 and 8 off, 7 hibernating."""
_SOURCES: Mapping[BootDevice, str] = MappingProxyType(
    {
        BootDevice.PXE: "Intel(r) AMT: Force PXE Boot",
        BootDevice.DISK: "Intel(r) AMT: Force Hard-drive Boot",
        BootDevice.CDROM: "Intel(r) AMT: Force CD/DVD Boot",
    }
)
_INVALID_TRANSITION = 4097
"""What ``RequestPowerStateChange`` returns of an order that the machine's state does not allow (DSP1027). AMT also rejects a power off so
while somebody is at its console (Intel, Change System Power State): it means that the machine is there only where it is shown there."""
_CONFIGURATION = "Intel(r) AMT: Boot Configuration 0"
_REFERENCE = (
    "<a:Address>{anonymous}</a:Address><a:ReferenceParameters><w:ResourceURI>{resource}</w:ResourceURI><w:SelectorSet>"
    '<w:Selector Name="{name}">{value}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
)


class AmtDriver:
    """Makes connections of machines with AMT."""

    def __init__(self) -> None:
        """Know no machine yet."""
        self.properties = {
            "amt_address": "IP address or host name of the machine's AMT. Required.",
            "amt_username": "User name, as admin. Required.",
            "amt_password": "Password. Required.",
            "amt_protocol": "http (default, port 16992) or https (port 16993).",
            "amt_verify_ca": "File on the controller with the authority of AMT's certificate; default: the system's.",
        }
        self._wire = AmtWire()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        _parse(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "AmtBmc":
        """Return the AMT that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return AmtBmc(_parse(driver_info), self._wire)


class AmtBmc:
    """One machine; see ``Bmc`` for what the methods promise."""

    def __init__(self, target: AmtTarget, wire: AmtWire) -> None:
        """Open nothing yet."""
        self._target = target
        self._wire = wire

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Read CIM_AssociatedPowerManagementService; what is neither on nor off is ``ERROR``."""
        resource = f"{CIM}CIM_AssociatedPowerManagementService"
        found = number_in(self._wire.get(self._target, resource, timeout_s=timeout_s), "PowerState")
        if found is None:
            raise BmcError(f"{self._target.where}: its answer has no PowerState; is it an AMT?")
        return _STATES.get(found, PowerState.ERROR)

    def power_on(self, *, timeout_s: float) -> None:
        """Switch on.

        Raises:
            AlreadySo: AMT says that the state does not allow it, and shows the machine on.
        """
        self._switch(_ON, timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        """Switch off.

        Raises:
            AlreadySo: AMT says that the state does not allow it, and shows the machine off.
        """
        self._switch(_OFF, timeout_s)

    def soft_power_off(self, *, timeout_s: float) -> None:  # noqa: ARG002  # as all connections
        """Refuse: AMT asks an operating system only through a service of Intel's that has to run there."""
        raise BmcError(
            f"{self._target.where}: AMT cannot ask the operating system to shut down; shut it down there, or power off"
        )

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""
        self._change(_RESET, timeout_s)

    def boot_device(self, *, timeout_s: float) -> BootOverride:  # noqa: ARG002  # as all connections
        """Say that nothing is known: AMT does not tell what it was told."""
        return BootOverride(device=None, is_persistent=None)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Choose what the next boot is from, and have that count (CIM_BootConfigSetting, CIM_BootService)."""
        del mode, persistent  # AMT knows neither
        if device not in _SOURCES:
            raise BmcError(
                f"{self._target.where}: AMT cannot boot {device}; possible: {', '.join(_SOURCES)}"
            )
        ends_at = time.monotonic() + timeout_s
        source = _reference("CIM_BootSourceSetting", "InstanceID", _SOURCES[device])
        self._wire.invoke(
            self._target,
            f"{CIM}CIM_BootConfigSetting",
            "ChangeBootOrder",
            f"InstanceID={_CONFIGURATION}",
            f"<p:Source>{source}</p:Source>",
            timeout_s,
        )
        setting = _reference("CIM_BootConfigSetting", "InstanceID", _CONFIGURATION)
        self._wire.invoke(
            self._target,
            f"{CIM}CIM_BootService",
            "SetBootConfigRole",
            "Name=Intel(r) AMT Boot Service",
            f"<p:BootConfigSetting>{setting}</p:BootConfigSetting><p:Role>1</p:Role>",
            ends_at - time.monotonic(),
        )

    def _switch(self, state: int, timeout_s: float) -> None:
        ends_at = time.monotonic() + timeout_s
        try:
            self._change(state, timeout_s)
        except MethodFailed as error:
            if error.value != _INVALID_TRANSITION:
                raise
            shown = self.power_state(timeout_s=ends_at - time.monotonic())
            if shown is not _STATES[state]:
                raise
            raise AlreadySo(f"{error}; it shows {str(shown)!r}") from error

    def _change(self, state: int, timeout_s: float) -> None:
        machine = _reference("CIM_ComputerSystem", "Name", "ManagedSystem")
        self._wire.invoke(
            self._target,
            f"{CIM}CIM_PowerManagementService",
            "RequestPowerStateChange",
            "Name=Intel(r) AMT Power Management Service",
            f"<p:PowerState>{state}</p:PowerState><p:ManagedElement>{machine}</p:ManagedElement>",
            timeout_s,
        )


def _reference(resource: str, name: str, value: str) -> str:
    return _REFERENCE.format(
        anonymous=ANONYMOUS, resource=f"{CIM}{resource}", name=name, value=value
    )


def _parse(info: dict[str, Any]) -> AmtTarget:
    address = parse_address(_required(info, "amt_address"), "amt_address")
    protocol = choice(info, "amt_protocol", ("HTTP", "HTTPS"), "HTTP")
    host = f"[{address.host}]" if ":" in address.host else address.host
    return AmtTarget(
        url=f"{protocol.lower()}://{host}:{address.port or _PORTS[protocol]}/wsman",
        username=_login(info, "amt_username"),
        password=_required(info, "amt_password"),
        ca_file=text(info, "amt_verify_ca", max_bytes=1024),
    )


def _login(info: dict[str, Any], key: str) -> str:
    name = _required(info, key)
    if not name.isprintable() or '"' in name or ":" in name:
        raise Invalid(
            f"driver_info/{key} is {name[:40]!r}; give the user's name, for example admin"
        )
    return name


def _required(info: dict[str, Any], key: str) -> str:
    found = text(info, key)
    if not found.strip():
        raise Invalid(f"driver_info/{key} is missing; AMT needs it")
    return found
