"""The Redfish driver: power and boot device by DMTF's Redfish (DSP0266), with sushy, the client that Ironic has."""

import math
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import requests
import sushy
from sushy import exceptions
from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from controller.bmc import redfish_media
from controller.bmc.redfish_sessions import Conversation, Sessions
from controller.bmc.redfish_target import PROPERTIES, RedfishTarget, parse_target
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.hardware.abilities import MediaDevice
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.peers.http import PeerFailed, PeerSilent

Found = TypeVar("Found")

_MOST_WORDS = 300
_FORBIDDEN = 403
_TOO_BUSY = 503
_ON = frozenset({sushy.PowerState.ON, sushy.PowerState.POWERING_ON})
_OFF = frozenset({sushy.PowerState.OFF, sushy.PowerState.POWERING_OFF})
_TARGETS: Mapping[BootDevice, sushy.BootSource] = MappingProxyType(
    {
        BootDevice.PXE: sushy.BootSource.PXE,
        BootDevice.DISK: sushy.BootSource.HDD,
        BootDevice.CDROM: sushy.BootSource.CD,
        BootDevice.BIOS: sushy.BootSource.BIOS_SETUP,
    }
)
_DEVICES = MappingProxyType({target: device for device, target in _TARGETS.items()})
_MODES = MappingProxyType(
    {
        BootMode.BIOS: sushy.BootSourceOverrideMode.LEGACY,
        BootMode.UEFI: sushy.BootSourceOverrideMode.UEFI,
    }
)
_NONSENSE = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What sushy lets through when a BMC answers JSON of another form than Redfish's."""


class RedfishDriver:
    """Makes BMCs that share their sessions."""

    def __init__(self, sessions: Sessions | None = None) -> None:
        """Start nothing; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or Sessions()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "RedfishBmc":
        """Return the BMC that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return RedfishBmc(parse_target(driver_info), self._sessions)

    def close(self) -> None:
        """Log out everywhere."""
        self._sessions.close()


class RedfishBmc:
    """One system of one BMC; see ``Bmc`` for what the methods promise."""

    def __init__(self, target: RedfishTarget, sessions: Sessions) -> None:
        self._target = target
        self._sessions = sessions

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask for the power state; a machine on its way counts as there, as in Ironic."""
        return self._ask("get power state", timeout_s, _power_state)

    def power_on(self, *, timeout_s: float) -> None:
        """Tell the BMC to power on; one that is on stays so, which many BMCs refuse to be told."""

        def switch(system: System) -> None:
            if _power_state(system) is not PowerState.ON:
                _reset(system, sushy.ResetType.ON, sushy.ResetType.FORCE_ON)

        self._ask("power on", timeout_s, switch)

    def power_off(self, *, timeout_s: float) -> None:
        """Cut the power."""

        def switch(system: System) -> None:
            if _power_state(system) is not PowerState.OFF:
                _reset(system, sushy.ResetType.FORCE_OFF)

        self._ask("power off", timeout_s, switch)

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Ask the operating system to shut down."""

        def switch(system: System) -> None:
            if _power_state(system) is not PowerState.OFF:
                _reset(system, sushy.ResetType.GRACEFUL_SHUTDOWN, sushy.ResetType.PUSH_POWER_BUTTON)

        self._ask("soft power off", timeout_s, switch)

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""
        kinds = (sushy.ResetType.FORCE_RESTART, sushy.ResetType.POWER_CYCLE)
        self._ask("reset", timeout_s, lambda system: _reset(system, *kinds))

    def inject_nmi(self, *, timeout_s: float) -> None:
        """Send a non-maskable interrupt."""
        self._ask("inject NMI", timeout_s, lambda system: _reset(system, sushy.ResetType.NMI))

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot override; ``None`` where it is disabled."""
        return self._ask("get boot device", timeout_s, _override)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot override."""
        if device not in _TARGETS:
            raise BmcError(
                f"BMC {self._target.url}: set boot device {device}: Redfish has no such device; choose one of"
                f" {', '.join(_TARGETS)}"
            )
        kind = sushy.BootSourceOverrideEnabled
        enabled = kind.CONTINUOUS if persistent else kind.ONCE
        self._ask(
            f"set boot device {device}",
            timeout_s,
            lambda system: system.set_system_boot_options(
                target=_TARGETS[device], enabled=enabled, mode=_MODES[mode]
            ),
        )

    def media(self, *, timeout_s: float) -> Mapping[MediaDevice, str | None]:
        """Ask what is in the drives that the BMC shows the machine."""
        return self._ask("list virtual media", timeout_s, redfish_media.media)

    def attach_media(self, device: MediaDevice, url: str, *, timeout_s: float) -> None:
        """Put an image into a drive; many BMCs fetch it before they answer."""
        self._ask(
            f"attach virtual media {device}",
            timeout_s,
            lambda system: redfish_media.attach(system, device, url),
        )

    def detach_media(self, device: MediaDevice, *, timeout_s: float) -> None:
        """Empty a drive."""
        self._ask(
            f"detach virtual media {device}",
            timeout_s,
            lambda system: redfish_media.detach(system, device),
        )

    def _ask(self, what: str, timeout_s: float, do: Callable[[System], Found]) -> Found:
        """Do something with the system as it is now; every failure becomes one of ours, with the BMC's name."""
        ends_at = time.monotonic() + timeout_s
        where = f"BMC {self._target.url}: {what}"
        with self._sessions.conversation(self._target, ends_at, what) as conversation:
            try:
                return self._call(where, conversation, ends_at, do)
            except exceptions.ResourceNotFoundError as error:
                conversation.lose_system()  # after a restart of the BMC things may have other names
                raise BmcUnreachable(f"{where}: {_words(error)}; try again") from error
            except exceptions.SushyError as error:
                raise _failed(where, error) from error
            except PeerSilent as error:
                raise BmcUnreachable(f"{where}: {error}{_advice(error)}") from error
            except PeerFailed as error:
                raise BmcError(f"{where}: {error}") from error
            except requests.RequestException as error:
                raise BmcUnreachable(f"{where}: the request could not be made") from error
            except OSError as error:
                raise Invalid(
                    "driver_info/redfish_verify_ca: there is no certificate that can be read at the path; look at the file"
                ) from error
            except _NONSENSE as error:
                conversation.forget()
                raise BmcError(
                    f"{where}: its answer is not what Redfish has there ({type(error).__name__}); update the BMC's firmware"
                ) from error

    def _call(
        self,
        where: str,
        conversation: Conversation,
        ends_at: float,
        do: Callable[[System], Found],
    ) -> Found:
        """Do it, logged in; a login that was refused lately is not tried again yet."""
        if held_s := conversation.hold.left_s:
            raise self._bad_login(where, held_s)
        is_let_in = False
        try:
            with conversation.root(ends_at) as root:
                system = _system(root, conversation)
                is_let_in = True
                conversation.hold.accepted()
                return do(system)
        except exceptions.AccessError as error:
            conversation.forget()
            if error.status_code == _FORBIDDEN:
                raise self._forbidden(where) from error
            if not is_let_in:
                conversation.hold.refused()
            raise self._bad_login(where, conversation.hold.left_s) from error

    def _forbidden(self, where: str) -> BmcError:
        return BmcError(
            f"{where}: the user {self._target.username!r} may not do that; give it the role Operator or Administrator"
        )

    def _bad_login(self, where: str, held_s: float) -> BmcAuthenticationFailed:
        waits = (
            f"; lest the BMC lock the user out, these are tried again in {math.ceil(held_s)} s, others at once"
            if held_s
            else ""
        )
        return BmcAuthenticationFailed(
            f"{where}: user {self._target.username!r} refused; check redfish_username and redfish_password{waits}"
        )


def _system(root: sushy.Sushy, conversation: Conversation) -> System:
    """Return the system, freshly read."""
    if conversation.system_path is None:
        paths = root.get_system_collection().members_identities
        if len(paths) != 1:
            listed = clean_line(", ".join(paths), _MOST_WORDS)
            raise exceptions.UnknownDefaultError(
                entity="ComputerSystem",
                error=f"it has {len(paths)} systems ({listed}); set redfish_system_id to one of them",
            )
        conversation.system_path = paths[0]
    return root.get_system(conversation.system_path)


def _power_state(system: System) -> PowerState:
    if system.power_state in _ON:
        return PowerState.ON
    return PowerState.OFF if system.power_state in _OFF else PowerState.ERROR


def _reset(system: System, *kinds: sushy.ResetType) -> None:
    """Reset in the first of these ways that the BMC says it has; where it says nothing, in the first."""
    allowed = system.get_allowed_reset_system_values()
    system.reset_system(next((kind for kind in kinds if kind in allowed), kinds[0]))


def _override(system: System) -> BootOverride:
    boot = system.boot
    kind = sushy.BootSourceOverrideEnabled
    if boot is None or boot.enabled in {None, kind.DISABLED}:
        return BootOverride(device=None, is_persistent=None)
    return BootOverride(
        device=_DEVICES.get(boot.target), is_persistent=boot.enabled is kind.CONTINUOUS
    )


def _failed(where: str, error: exceptions.SushyError) -> BmcError:
    if isinstance(error, exceptions.ServerSideError) and error.status_code == _TOO_BUSY:
        return BmcUnreachable(f"{where}: {_words(error)}; try again")
    if isinstance(error, exceptions.ConnectionError):
        return BmcUnreachable(f"{where}: {_words(error)}")
    return BmcError(f"{where}: {_words(error)}")


def _words(error: exceptions.SushyError) -> str:
    """Return what the BMC said, in one bounded line."""
    if isinstance(error, exceptions.HTTPError):
        said = f"answered {error.status_code}"
        return clean_line(f"{said}: {error.detail}" if error.detail else said, _MOST_WORDS)
    return clean_line(str(error), _MOST_WORDS)


def _advice(error: PeerSilent) -> str:
    if "TLS certificate" in str(error):
        return "; give its certificate or authority as redfish_verify_ca"
    return ""
