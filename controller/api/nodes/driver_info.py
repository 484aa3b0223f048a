"""Types of the ``driver_info`` keys that we know; the drivers judge completeness, and other keys pass.

The command line of Ironic sends ``ipmi_password=1234`` as a number, so numbers are taken as text.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from controller.api.documents import values
from controller.bmc.ipmi_target import CIPHER_SUITES
from controller.errors import Invalid

_MAX_PORT = 65535
_BRIDGING = ("no", "single", "dual")
_PRIVILEGES = ("ADMINISTRATOR", "CALLBACK", "OPERATOR", "USER")


def checked_driver_info(driver_info: dict[str, Any]) -> dict[str, Any]:
    """Return ``driver_info`` with every known key in its stored type.

    Raises:
        Invalid: A value is of the wrong type or out of range; names the key, never a secret's value.
    """
    return {
        key: _CHECKS[key](value, f"driver_info/{key}")
        if key in _CHECKS and value is not None
        else value
        for key, value in driver_info.items()
    }


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Invalid(f"{where} must be a string")


def _port(value: Any, where: str) -> int:
    return _whole_number(value, where, 1, _MAX_PORT)


def _cipher_suite(value: Any, where: str) -> int:
    if str(value) in map(str, CIPHER_SUITES):
        return int(value)
    raise Invalid(
        f"{where} must be 17 (SHA-256) or 3 (SHA-1), or for old BMCs another of {', '.join(map(str, CIPHER_SUITES))}, "
        f"not {value!r}"
    )


def _whole_number(value: Any, where: str, low: int, high: int) -> int:
    try:
        number = (
            int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
        )
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        raise Invalid(f"{where} must be a whole number from {low} to {high}, not {value!r}")
    return number


def _privilege(value: Any, where: str) -> str:
    if value in _PRIVILEGES:
        return str(value)
    raise Invalid(f"{where} must be one of {', '.join(_PRIVILEGES)}, not {value!r}")


def _bridging(value: Any, where: str) -> str:
    if value in _BRIDGING:
        return str(value)
    raise Invalid(f"{where} must be one of {', '.join(_BRIDGING)}, not {value!r}")


def _protocol(value: Any, where: str) -> str:
    if str(value) in ("1.5", "2.0", "2"):
        return "1.5" if str(value) == "1.5" else "2.0"
    raise Invalid(f"{where} must be 2.0 or 1.5, not {value!r}")


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "ipmi_address",
                "ipmi_username",
                "ipmi_password",
                "ipmi_hex_kg_key",
                "redfish_address",
                "redfish_username",
                "redfish_password",
                "redfish_system_id",
                "deploy_kernel",
                "deploy_ramdisk",
                "rescue_kernel",
                "rescue_ramdisk",
                "kernel_append_params",
            ),
            _text,
        ),
        "ipmi_port": _port,
        "ipmi_terminal_port": _port,
        "ipmi_cipher_suite": _cipher_suite,
        "ipmi_bridging": _bridging,
        "ipmi_priv_level": _privilege,
        "ipmi_protocol_version": _protocol,
        "ipmi_force_boot_device": values.boolean,
        "ipmi_disable_boot_timeout": values.boolean,
        "wipe_special_filesystems": values.boolean,
        "fast_track": values.boolean,
        "kexec": values.boolean,
        "local_boot_by_order": values.boolean,
    }
)
