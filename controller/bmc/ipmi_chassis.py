"""One machine behind an IPMI controller, over any transport: power, boot device, identify lamp, health, sensors, event log, addresses.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: section 28.2 (Get
Chassis Status), 28.3 (Chassis Control), 28.5 (Chassis Identify), 28.12 and 28.13 (Set/Get System Boot Options, table 28-14), 20.1 (Get Device ID).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.bmc.ipmi_calls import IpmiCalls, Transport, completion_text
from controller.bmc.ipmi_identify import LAMPS, identify_state, switch_identify
from controller.bmc.ipmi_lan import read_channels
from controller.bmc.ipmi_quirks import ODD_UEFI_DEVICES, device_of, refusal_advice, uefi_device
from controller.bmc.ipmi_repository import SdrCache
from controller.bmc.ipmi_sdr import SensorRecord, parse_record
from controller.bmc.ipmi_sel import clear_log, read_log
from controller.bmc.ipmi_sensors import read_sensors
from controller.bmc.ipmi_target import IpmiTarget
from controller.bmc.kept import Kept, digest_of
from controller.errors import AlreadySo, BmcError
from controller.hardware.abilities import Health, Indicators, IndicatorState
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.sensors import BmcLog, SensorReport

log = logging.getLogger(__name__)

_NETFN_CHASSIS, _NETFN_APP = 0x00, 0x06
_GET_STATUS, _CONTROL, _SET_BOOT_OPTIONS, _GET_BOOT_OPTIONS = 0x01, 0x02, 0x08, 0x09
_GET_DEVICE_ID = 0x01
_POWER_DOWN, _POWER_UP, _HARD_RESET, _INTERRUPT, _SOFT_SHUTDOWN = 0, 1, 3, 4, 5
_NOT_IN_THIS_STATE = 0xD5
_PARAMETER_VALID_BIT_CLEARING = 3
_KEEP_ON_TIMEOUT = 0x08  # do not clear the boot flags when no reset comes within 60 s
_PARAMETER_BOOT_FLAGS = 5
_FLAGS_VALID, _FLAGS_PERSISTENT, _FLAGS_UEFI = 0x80, 0x40, 0x20
_PARAMETER_INVALID = 0x80
_INVALID_DATA = 0xCC
"""Completion code."""
_STATUS_POWER_ON = 0x01
_POWER_FAULTS = 0x1A
"""Overload, fault, control fault (28.2, byte 2)."""
_PART_FAULTS = 0x0C
"""Drive, cooling (28.2, byte 4)."""
_SHARE_OF_NAMES = 1 / 3
"""Of the time in which the event log is read."""
_DEVICES = {
    BootDevice.PXE: 1,
    BootDevice.DISK: 2,
    BootDevice.SAFE: 3,
    BootDevice.CDROM: 5,
    BootDevice.BIOS: 6,
}
_DEVICES_BY_CODE = {code: device for device, code in _DEVICES.items()}


@dataclass(frozen=True, slots=True)
class IpmiMemory:
    """What a driver remembers of its BMCs."""

    sdrs: SdrCache = field(default_factory=SdrCache)
    """Records of their sensors."""
    makers: Kept[str, int] = field(default_factory=Kept)
    """Their makers' numbers."""


class IpmiBmc:
    """A ``Bmc`` that speaks IPMI over a transport; see ``Bmc`` and ``abilities.py`` for what the methods promise."""

    def __init__(
        self, target: IpmiTarget, transport: Transport, memory: IpmiMemory | None = None
    ) -> None:
        """Ask nobody yet; ``memory`` is shared by the BMCs of a driver."""
        self._target = target
        self._transport = transport
        self._memory = memory or IpmiMemory()
        self._status: bytes | None = None

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask for the power state."""
        calls = self._calls("get power state", timeout_s)
        self._status = calls.ask(_NETFN_CHASSIS, _GET_STATUS, least_bytes=1)
        return PowerState.ON if self._status[0] & _STATUS_POWER_ON else PowerState.OFF

    def health(self, *, timeout_s: float) -> Health | None:
        """Say what the chassis status says of faults; the last reading of the power state has it already.

        ``None`` = it names none, which many BMCs never do: the sensors say more.
        """
        if self._status is None:
            self.power_state(timeout_s=timeout_s)
        return chassis_health(self._status or b"")

    def power_on(self, *, timeout_s: float) -> None:
        """Tell the BMC to power on."""
        self._control(_POWER_UP, "power on", timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        """Cut the power."""
        self._control(_POWER_DOWN, "power off", timeout_s)

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Ask the operating system to shut down."""
        self._control(_SOFT_SHUTDOWN, "soft power off", timeout_s)

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""
        self._control(_HARD_RESET, "reset", timeout_s)

    def inject_nmi(self, *, timeout_s: float) -> None:
        """Pulse the diagnostic interrupt (28.3, control 4)."""
        self._control(_INTERRUPT, "inject NMI", timeout_s)

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot device override."""
        calls = self._calls("get boot device", timeout_s)
        data = calls.ask(_NETFN_CHASSIS, _GET_BOOT_OPTIONS, (_PARAMETER_BOOT_FLAGS, 0, 0))
        found = decode_boot_flags(data)
        if found.device is None and found.is_persistent is not None:
            return decode_boot_flags(data, maker=self._maker(calls))
        return found

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot device override; first tell the BMC to keep it for longer than 60 s, as Ironic does."""
        calls = self._calls(f"set boot device {device}", timeout_s)
        is_odd = mode is BootMode.UEFI and device in ODD_UEFI_DEVICES
        maker = self._maker(calls) if is_odd else None
        if self._target.disables_boot_timeout:
            self._keep_boot_device(calls)
        request = encode_boot_flags(device, mode=mode, persistent=persistent, maker=maker)
        code, _answer = calls.raw(_NETFN_CHASSIS, _SET_BOOT_OPTIONS, request)
        if code:
            raise self._boot_flags_refusal(calls, code, mode)

    def indicators(self, *, timeout_s: float) -> Indicators:  # noqa: ARG002  # nobody is asked
        """Name the identify lamp; every chassis has one as far as IPMI knows."""
        return LAMPS

    def indicator_state(self, component: str, name: str, *, timeout_s: float) -> IndicatorState:  # noqa: ARG002  # it has one lamp
        """Ask what the identify lamp does."""
        return identify_state(self._calls(f"get indicator {name}", timeout_s))

    def set_indicator_state(
        self,
        component: str,  # noqa: ARG002  # it has one lamp
        name: str,
        state: IndicatorState,
        *,
        timeout_s: float,
    ) -> None:
        """Switch the identify lamp."""
        calls = self._calls(f"set indicator {name} {state}", timeout_s)
        switch_identify(calls, is_on=state is IndicatorState.ON)

    def sensors(self, *, timeout_s: float) -> SensorReport:
        """Read all sensors; what is not read in time is left out."""
        return read_sensors(self._calls("read sensors", timeout_s), self._memory.sdrs)

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        """Read the newest entries of the system event log, then the names of sensors as far as these come in time."""
        names_s = timeout_s * _SHARE_OF_NAMES
        calls = self._calls("read the event log", timeout_s - names_s)
        return read_log(calls, most, lambda: self._sensors_by_number(names_s))

    def _sensors_by_number(self, timeout_s: float) -> dict[int, SensorRecord]:
        """Return the sensors whose records are at hand in time."""
        calls = self._calls("read the list of sensors", timeout_s)
        try:
            records = self._memory.sdrs.records(calls, is_part_enough=True)
        except BmcError as error:
            log.info("%s: events have no names of sensors: %s", self._target.where, error)
            return {}
        sensors = [found for one in records if (found := parse_record(one)) is not None]
        return {sensor.number: sensor for sensor in sensors}

    def clear_log(self, *, timeout_s: float) -> None:
        """Empty the system event log."""
        clear_log(self._calls("clear the event log", timeout_s))

    def addresses(self, *, timeout_s: float) -> Sequence[str]:
        """Return the addresses that it has on its network channels."""
        channels = read_channels(self._calls("read the network channels", timeout_s))
        return [str(address) for channel in channels for address in channel.addresses]

    def _calls(self, what: str, timeout_s: float) -> IpmiCalls:
        return IpmiCalls(self._target, self._transport, what=what, timeout_s=timeout_s)

    def _control(self, order: int, what: str, timeout_s: float) -> None:
        calls = self._calls(what, timeout_s)
        code, _answer = calls.raw(_NETFN_CHASSIS, _CONTROL, (order,))
        if code == _NOT_IN_THIS_STATE and order in {_POWER_UP, _POWER_DOWN}:
            raise AlreadySo(str(calls.refused(code)))
        if code:
            raise calls.refused(code)

    def _maker(self, calls: IpmiCalls) -> int | None:
        """Return the maker's number, asked once; ``None`` = the BMC does not say."""
        key = digest_of(self._target)
        if (known := self._memory.makers.get(key)) is not None:
            return known
        code, answer = calls.raw(_NETFN_APP, _GET_DEVICE_ID)
        if code or len(answer) < 9:  # noqa: PLR2004  # the maker's last byte
            return None
        maker = int.from_bytes(answer[6:9], "little") & 0xFFFFF
        self._memory.makers.put(key, maker)
        return maker

    def _boot_flags_refusal(self, calls: IpmiCalls, code: int, mode: BootMode) -> BmcError:
        """Return the error of boot flags that were refused; the maker is asked for only if it may say why."""
        known = ""
        if code == _INVALID_DATA and mode is not BootMode.UEFI:
            known = refusal_advice(self._maker(calls), is_uefi=False)
        return calls.refused(code, known)

    def _keep_boot_device(self, calls: IpmiCalls) -> None:
        """Set parameter 3; many BMCs lack it, and the boot device works without."""
        request = (_PARAMETER_VALID_BIT_CLEARING, _KEEP_ON_TIMEOUT)
        code, _data = calls.raw(_NETFN_CHASSIS, _SET_BOOT_OPTIONS, request)
        if code:
            log.info(
                "BMC cannot disable the 60 s boot device timeout",
                extra={"bmc": self._target.where, "answer": completion_text(code)},
            )


def chassis_health(status: bytes) -> Health | None:
    """Return what a chassis status (28.2) means: faults of power are critical, of a drive or a fan a warning; ``None`` = no fault is named."""
    power, _, parts = status[:3].ljust(3, b"\0")
    if power & _POWER_FAULTS:
        return Health.CRITICAL
    return Health.WARNING if parts & _PART_FAULTS else None


def encode_boot_flags(
    device: BootDevice, *, mode: BootMode, persistent: bool, maker: int | None = None
) -> tuple[int, ...]:
    """Return the request of Set System Boot Options for parameter 5 (table 28-14), as a BMC of that maker takes it."""
    flags = _FLAGS_VALID
    if persistent:
        flags |= _FLAGS_PERSISTENT
    code = _DEVICES[device]
    if mode is BootMode.UEFI:
        flags |= _FLAGS_UEFI
        code = uefi_device(maker, device) or code
    return (_PARAMETER_BOOT_FLAGS, flags, code << 2, 0, 0, 0)


def decode_boot_flags(answer: bytes, *, maker: int | None = None) -> BootOverride:
    """Read the answer of Get System Boot Options for parameter 5.

    Returns:
        The override; ``device`` is ``None`` when the flags are marked invalid, clear, or name a device unknown here.
    """
    _version, parameter, flags, device = (*answer[:4], 0, 0, 0, 0)[:4]
    if parameter & _PARAMETER_INVALID or not flags & _FLAGS_VALID:
        return BootOverride(device=None, is_persistent=None)
    code = (device >> 2) & 0x0F
    return BootOverride(
        device=device_of(maker, code) or _DEVICES_BY_CODE.get(code),
        is_persistent=bool(flags & _FLAGS_PERSISTENT),
    )
