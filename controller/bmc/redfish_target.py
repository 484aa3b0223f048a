"""What ``driver_info`` says about a Redfish BMC, parsed once. Names and meanings are Ironic's."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from agent.protocol.loose_values import truth_word
from controller.bmc.driver_info_values import choice, text
from controller.errors import Invalid

PROPERTIES: dict[str, str] = {
    "redfish_address": "URL of the BMC, for example https://192.0.2.10; without a scheme https is meant; a path in it is where the service begins. Required.",
    "redfish_system_id": "Path of the system, for example /redfish/v1/Systems/1; needed only where the BMC manages more than one.",
    "redfish_username": "User name.",
    "redfish_password": "Password.",
    "redfish_verify_ca": "true (default): the certificate must be of an authority that the controller trusts; a path of a file or folder: of one in it, or the certificate itself; false: anything is trusted.",
    "redfish_auth_type": "auto (default: a session, or basic where the BMC has no sessions), session or basic.",
}
"""``driver_info`` keys with a help text each."""
OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "drac_address": "redfish_address",
        "drac_username": "redfish_username",
        "drac_password": "redfish_password",
        "ilo_address": "redfish_address",
        "ilo_username": "redfish_username",
        "ilo_password": "redfish_password",
        "ilo_verify_ca": "redfish_verify_ca",
    }
)
"""Keys that nodes of Ironic's hardware types ``idrac`` and ``ilo`` have or had, and what each is here; the name here wins."""
PROPERTIES |= {name: f"Another name of {meant}." for name, meant in OTHER_NAMES.items()}

_MOST_BYTES = 1024
_ROOT = "/redfish/v1/"
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH = re.compile(r"/[A-Za-z0-9._~%/:@!$&'()*+,;=-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedfishTarget:
    """One BMC and how to log in to it; the password does not show in ``repr``."""

    url: str
    """Scheme and authority: ``https://192.0.2.10``."""
    root: str
    """Where the service begins, with a slash at its end."""
    system: str | None
    """Path of the system; ``None`` = the only one."""
    username: str
    password: str = field(repr=False)
    verify: bool | str
    """Whether certificates are checked, or a path of what is trusted."""
    auth: str
    """``AUTO``, ``SESSION`` or ``BASIC``."""


def parse_target(driver_info: dict[str, Any]) -> RedfishTarget:
    """Read a node's ``driver_info``.

    Raises:
        Invalid: A key is missing or malformed; the message names it and gives an example.
    """
    driver_info = _by_own_names(driver_info)
    url, root = _address(text(driver_info, "redfish_address", max_bytes=_MOST_BYTES).strip())
    system = text(driver_info, "redfish_system_id", max_bytes=_MOST_BYTES).strip() or None
    if system is not None and not _PATH.fullmatch(system):
        raise Invalid(
            f"driver_info/redfish_system_id is {system[:80]!r}; give a path, for example /redfish/v1/Systems/1"
        )
    return RedfishTarget(
        url=url,
        root=root,
        system=system,
        username=text(driver_info, "redfish_username"),
        password=text(driver_info, "redfish_password"),
        verify=_verify(driver_info.get("redfish_verify_ca")),
        auth=choice(driver_info, "redfish_auth_type", ("AUTO", "SESSION", "BASIC"), "AUTO"),
    )


def _by_own_names(driver_info: dict[str, Any]) -> dict[str, Any]:
    others = {
        meant: driver_info[name] for name, meant in OTHER_NAMES.items() if driver_info.get(name)
    }
    return {**others, **driver_info} if others else driver_info


def _address(written: str) -> tuple[str, str]:
    example = "for example https://192.0.2.10"
    if not written:
        raise Invalid(f"driver_info/redfish_address is missing; give the BMC's URL, {example}")
    if written.count(":") > 1 and not _SCHEME.match(written) and "[" not in written:
        written = f"[{written}]"  # an IPv6 address without brackets, as Ironic takes it
    try:
        parts = urlsplit(written if _SCHEME.match(written) else f"https://{written}")
    except ValueError:
        raise Invalid(
            f"driver_info/redfish_address cannot be read; give a URL, {example}"
        ) from None
    if parts.scheme not in {"http", "https"} or not _AUTHORITY.fullmatch(parts.netloc):
        raise Invalid(
            f"driver_info/redfish_address must be an http or https URL without a user, {example};"
            " the user belongs into redfish_username"
        )
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or (path and not _PATH.fullmatch(path)):
        raise Invalid(f"driver_info/redfish_address has more than host, port and path; {example}")
    return f"{parts.scheme}://{parts.netloc}", f"{path}/" if path else _ROOT


def _verify(value: object) -> bool | str:
    """Return whether certificates are checked, or what is trusted."""
    if value is None or value == "":
        return True
    said = truth_word(value)
    if said is not None:
        return said
    if isinstance(value, str) and os.path.isabs(value) and os.path.exists(value):  # noqa: PTH110, PTH117  # a text stays one
        return value
    raise Invalid(
        "driver_info/redfish_verify_ca must be true, false, or the absolute path of a file or folder with"
        f" certificates on this controller, not {str(value)[:80]!r}"
    )
