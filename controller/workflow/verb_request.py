"""What a client sends with a provision verb, and since which API version each part exists."""

from collections.abc import Mapping
from typing import Any

import msgspec


class ProvisionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``PUT /v1/nodes/<ident>/states/provision``; ``None`` = not given."""

    target: str
    configdrive: str | dict[str, Any] | None = None
    clean_steps: list[dict[str, Any]] | None = None
    deploy_steps: list[dict[str, Any]] | None = None
    service_steps: list[dict[str, Any]] | None = None
    rescue_password: str | None = None
    disable_ramdisk: bool | None = None
    runbook: str | None = None

    def given(self) -> tuple[str, ...]:
        """Return the names of the arguments that the client sent."""
        names = (name for name in self.__struct_fields__ if name != "target")
        return tuple(name for name in names if getattr(self, name) is not None)


ARGUMENT_SINCE: Mapping[str, int] = {
    "clean_steps": 15,
    "rescue_password": 38,
    "deploy_steps": 69,
    "disable_ramdisk": 70,
    "service_steps": 87,
    "runbook": 92,
}
"""Minor API version by argument; the others are as old as the API."""
