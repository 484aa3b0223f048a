"""Clean, deploy and service steps as they travel (Ironic agent API)."""

from typing import Any

import msgspec

RESERVED_NAMES = ("power_on", "power_off", "reboot", "hold", "wait")
"""Steps that controllers carry out themselves, whatever their interface (Ironic's ``use_reserved_step_handler``): nobody else's is ever run under these names."""


class ArgInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a step."""

    description: str
    required: bool = False


class StepInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step that a hardware manager offers; higher ``priority`` runs first, 0 = only on request."""

    step: str
    priority: int
    interface: str
    reboot_requested: bool
    abortable: bool | None = None
    argsinfo: dict[str, ArgInfo] | None = None


class StepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The step to execute; other keys of the peer are kept out of it."""

    step: str
    interface: str = "deploy"
    args: dict[str, Any] | None = None
    priority: int = 0
    reboot_requested: bool = False
