"""Finds the controller by multicast DNS where the settings say ``mdns`` instead of an address."""

from dataclasses import replace

from agent.errors import LookupFailed, SettingError
from agent.settings import MDNS, Settings
from agent.system.mdns import Ask, Service, find_service

_INSPECTION = "/v1/continue_inspection"
_OVERRIDES = {"inspection_callback_url": "inspection_callback_urls", "ntp_server": "ntp_servers"}
"""What the announcement may set, as in Ironic's agent: names there and here."""


def with_found_addresses(settings: Settings, ask: Ask) -> Settings:
    """Return the settings with addresses instead of ``mdns``; without that word they are returned as they are.

    An inspection is posted to the service ``baremetal-introspection``, or to the controller itself where there is none.

    Raises:
        LookupFailed: Nobody announces the service.
        SettingError: The announcement sets something to a value that cannot be used.
    """
    attempts = settings.mdns_lookup_attempts
    if settings.api_urls == (MDNS,):
        settings = _merged(settings, find_service("baremetal", attempts, ask))
    if settings.inspection_callback_urls == (MDNS,):
        found = _inspection_url(settings, attempts, ask)
        settings = replace(settings, inspection_callback_urls=(found,))
    return settings


def _merged(settings: Settings, service: Service) -> Settings:
    """Return the settings with the service's address, and with what it sets and nobody else did."""
    given = {
        ours: service.settings[theirs]
        for theirs, ours in _OVERRIDES.items()
        if theirs in service.settings and getattr(settings, ours) in ((), "", (MDNS,))
    }
    text = "".join(f"{name} = {_quoted(value)}\n" for name, value in given.items())
    parsed = Settings.from_sources("", text, {})
    return replace(
        settings, api_urls=(service.url,), **{name: getattr(parsed, name) for name in given}
    )


def _quoted(value: str) -> str:
    if not value.isprintable():
        raise SettingError(f"mDNS: {value!r} cannot be the value of a setting")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _inspection_url(settings: Settings, attempts: int, ask: Ask) -> str:
    try:
        return find_service("baremetal-introspection", 1, ask).url
    except LookupFailed:
        if settings.api_urls:
            return settings.api_urls[0] + _INSPECTION
        return find_service("baremetal", attempts, ask).url + _INSPECTION
