"""Puts the controller's settings together from flags, environment, a TOML file and defaults, and checks them."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from agent.protocol.containers import RUNNERS
from agent.protocol.foreign_text import clean_line
from agent.protocol.loose_values import truth_word
from controller.errors import SettingsError
from controller.setting_words import (
    burnin_kinds,
    container_images,
    inspection_hooks,
    pci_aliases,
    proxy_networks,
    step_priorities,
)
from controller.settings import Settings, setting_types

ENVIRONMENT_PREFIX = "INGOT_"
CLIENT_VARIABLES = frozenset({"INGOT_API_URL", "INGOT_USERNAME", "INGOT_PASSWORD", "INGOT_CA_FILE"})
"""Of the command line ``ingot``; they may be set in the shell that starts a controller."""
_MOST_S = 10 * 365 * 86400.0
"""Ten years: deadlines beyond it end in years that no date format holds."""
_LEAST_LEASE_S = 1.0
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "auth_strategy": ("noauth", "http_basic"),
    "dhcp": ("off", "range", "proxy"),
    "sender_check": ("lease", "callback", "off"),
    "unknown_machine": ("explain", "local"),
    "default_boot_mode": ("uefi", "bios"),
    "rescue_password_hash_algorithm": ("sha256", "sha512"),
    "erase_level": ("clear", "purge", "destroy-keys"),
    "inspection_add_ports": ("pxe", "active", "all", "disabled"),
    "agent_container_runner": RUNNERS,
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
}
_MAY_BE_ZERO = frozenset(
    {
        "burnin_valid_days",
        "erase_devices_priority",
        "erase_devices_metadata_priority",
        "power_sync_interval_s",
    }
)


def load_settings(
    file_text: str, environment: Mapping[str, str], flags: Mapping[str, Any]
) -> Settings:
    """Put the settings together; flags win over the environment, that over the file, that over defaults.

    Args:
        file_text: TOML with the fields of ``Settings`` as its keys; empty = no file.
        environment: Variables; those that begin with ``INGOT_`` are fields in upper case.
        flags: Fields from the command line; ``None`` = not given.

    Raises:
        SettingsError: An unknown key, a value of the wrong type, or settings that contradict each other.
    """
    try:
        from_file = tomllib.loads(file_text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings file is no valid TOML: {error}") from error
    values: dict[str, Any] = {}
    for name, value in from_file.items():
        key = _known(name, "the settings file")
        values[key] = _typed(key, value)
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and name not in CLIENT_VARIABLES:
            key = _known(name.removeprefix(ENVIRONMENT_PREFIX).lower(), f"the variable {name}")
            values[key] = _parsed(key, text)
    for name, value in flags.items():
        if value is not None:
            key = _known(name, "the command line")
            values[key] = _typed(key, value)
    settings = Settings(**values)
    _check(settings)
    return settings


def _known(key: str, where: str) -> str:
    if key not in setting_types():
        near = " or ".join(get_close_matches(key, sorted(setting_types())))
        advice = f"did you mean {near}?" if near else "none is called anything like it;"
        raise SettingsError(
            f"{where} has an unknown setting {clean_line(key)!r}; {advice} ingot-controller serve --help lists them all"
        )
    return key


def _typed(key: str, value: Any) -> Any:
    wanted = setting_types()[key]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise SettingsError(f"setting {key} must be of type {wanted.__name__}, not {value!r}")
    return value


def _parsed(key: str, text: str) -> Any:
    wanted = setting_types()[key]
    if wanted is bool:
        said = truth_word(text)
        if said is None:
            raise SettingsError(f"setting {key} must be true or false, not {text!r}")
        return said
    try:
        return wanted(text)
    except ValueError:
        raise SettingsError(
            f"setting {key} must be of type {wanted.__name__}, not {text!r}"
        ) from None


def _check(settings: Settings) -> None:
    for key, choices in _CHOICES.items():
        if getattr(settings, key) not in choices:
            raise SettingsError(
                f"setting {key} is {getattr(settings, key)!r}; possible: {', '.join(choices)}"
            )
    for key, kind in setting_types().items():
        value = getattr(settings, key)
        if kind in {int, float} and (value < 0 or (value == 0 and key not in _MAY_BE_ZERO)):
            raise SettingsError(f"setting {key} is {value}; it must be above 0")
        if kind is float and not value <= _MOST_S:
            raise SettingsError(
                f"setting {key} is {value}; it must be at most {_MOST_S:.0f} seconds"
            )
    proxy_networks(settings.trusted_proxies)
    inspection_hooks(settings.inspection_hooks)
    burnin_kinds(settings.burnin_required)
    container_images(settings.agent_allowed_containers)
    if not settings.agent_container_steps_file.startswith("/"):
        raise SettingsError(
            f"setting agent_container_steps_file is {settings.agent_container_steps_file!r}; give an absolute path"
        )
    pci_aliases(settings.inspection_pci_aliases)
    step_priorities(settings.clean_step_priority_override)
    for name in ("disallow_clean_steps", "disallow_deploy_steps", "disallow_service_steps"):
        wrong = [word for word in settings.listed(name) if "." not in word]
        if wrong:
            raise SettingsError(
                f"setting {name} has {wrong[0]!r}; write interface.step, such as deploy.erase_devices"
            )
    if settings.claim_lease_s < _LEAST_LEASE_S:
        raise SettingsError(
            f"setting claim_lease_s is {settings.claim_lease_s}; controllers would take each other for dead: set it to "
            f"at least {_LEAST_LEASE_S}"
        )
