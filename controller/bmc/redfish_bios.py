"""The BIOS interface ``redfish``: settings with what is known of each, changed by steps with Ironic's names and read back."""

from collections.abc import Mapping, Sequence
from typing import Any

import sushy
from sushy import exceptions
from sushy.resources.system.bios import Bios
from sushy.resources.system.system import System

from controller.bmc.redfish_bios_steps import BiosState, bios_steps
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_document import Document, dig, text
from controller.bmc.redfish_errors import NotOfferedError
from controller.bmc.redfish_registry import read_registry
from controller.bmc.redfish_sessions import Sessions, shared_sessions
from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.hardware.bmc import BmcStep
from controller.hardware.firmware import BiosSetting
from controller.hardware.interface import Facts
from controller.settings import Settings

_IN_SETUP = "change settings in the firmware's set-up"


class RedfishBios:
    """Makes connections that share the sessions of all Redfish interfaces."""

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        """Ask nobody; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or shared_sessions()
        self._steps = bios_steps(settings.bios_apply_timeout_s)

    @classmethod
    def from_settings(cls, settings: Settings) -> "RedfishBios":
        """See ``MadeWithSettings``."""
        return cls(settings)

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer Ironic's two."""
        return self._steps

    def connect(self, driver_info: dict[str, Any]) -> "BiosOfSystem":
        """Return the BIOS of the system that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return BiosOfSystem(RedfishCalls(parse_target(driver_info), self._sessions))


class BiosOfSystem:
    """The BIOS settings of one system; every method raises as ``abilities.py`` says."""

    def __init__(self, calls: RedfishCalls) -> None:
        self._calls = calls
        self.refusal = calls.refusal

    def bios_settings(self, *, timeout_s: float) -> Sequence[BiosSetting]:
        """Return every setting with what the attribute registry says of it."""
        state = self.state(timeout_s=timeout_s)
        return [
            BiosSetting(
                **{
                    **_fields(state.known.get(name) or BiosSetting(name=name, value=None)),
                    "value": None if value is None else str(value),
                }
            )
            for name, value in state.attributes.items()
        ]

    def state(self, *, with_registry: bool = True, timeout_s: float) -> BiosState:
        """Return what the BIOS has, what waits for the next start, and what is known of the settings."""
        return self._calls.ask(
            "read the BIOS settings", timeout_s, lambda system: _state(system, with_registry)
        )

    def apply(self, values: Mapping[str, Any], *, timeout_s: float) -> None:
        """Have the next start take over these values."""

        def change(system: System) -> None:
            bios = _bios(system)
            times = bios.supported_apply_times or ()
            on_reset = sushy.ApplyTime.ON_RESET
            bios.set_attributes(dict(values), apply_time=on_reset if on_reset in times else None)

        self._calls.ask("change BIOS settings", timeout_s, change)

    def reset(self, *, timeout_s: float) -> None:
        """Have the next start take the defaults."""

        def order(system: System) -> None:
            try:
                _bios(system).reset_bios()
            except (exceptions.MissingActionError, exceptions.MissingAttributeError) as error:
                raise NotOfferedError("a reset of the BIOS settings", _IN_SETUP) from error

        self._calls.ask("reset the BIOS settings", timeout_s, order)


def _bios(system: System) -> Bios:
    try:
        return system.bios
    except (exceptions.MissingAttributeError, exceptions.ResourceNotFoundError) as error:
        raise NotOfferedError("BIOS settings", _IN_SETUP) from error


def _state(system: System, with_registry: bool) -> BiosState:
    bios = _bios(system)
    document = Document(path=bios.path, body=bios.json)
    return BiosState(
        attributes=_attributes(dig(bios.json, "Attributes")),
        waiting=_waiting(bios),
        known=read_registry(system, document) if with_registry else {},
        is_reset_waiting=dig(bios.json, "ResetBiosToDefaultsPending") is True,
        applied_at=text(bios.json, "@Redfish.Settings", "Time"),
        complaints=_complaints(bios.json),
    )


def _waiting(bios: Bios) -> Mapping[str, Any]:
    if dig(bios.json, "@Redfish.Settings", "SettingsObject", "@odata.id") is None:
        raise NotOfferedError("changes of its BIOS settings", _IN_SETUP)
    return _attributes(bios.pending_attributes)


def _complaints(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the BMC found bad when it applied settings last."""
    listed = dig(document, "@Redfish.Settings", "Messages")
    messages = listed if isinstance(listed, list) else []
    bad = [one for one in messages if text(one, "Severity") == "Critical"]
    return tuple(said for one in bad if (said := text(one, "Message") or text(one, "MessageId")))


def _attributes(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        return {}
    return {
        name: value if isinstance(value, str | int) or value is None else str(value)
        for name, value in found.items()
        if isinstance(name, str)
    }


def _fields(one: BiosSetting) -> dict[str, Any]:
    return {name: getattr(one, name) for name in BiosSetting.__dataclass_fields__}
