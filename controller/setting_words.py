"""Readers of the controller's settings that hold several words, with commas between them."""

import ipaddress
import re
from collections.abc import Mapping

from agent.protocol.containers import image_name
from agent.protocol.refusal import Refusal
from controller.errors import SettingsError

_HOOKS = frozenset({"parse-lldp", "local-link-connection", "pci-devices", "boot-mode"})
BURNIN_KINDS = ("cpu", "memory", "disk", "network", "gpu")
"""What can be burned in: the step is ``burnin_<kind>``."""
_PCI_ALIAS = re.compile(
    r"(?P<vendor>[0-9a-fA-F]{4}):(?P<product>[0-9a-fA-F]{4})=(?P<name>[A-Za-z0-9_.-]{1,64})"
)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text that has commas between them."""
    words = (word.strip() for word in text.split(","))
    return tuple(word for word in words if word)


def step_priorities(text: str) -> Mapping[str, int]:
    """Read the setting ``clean_step_priority_override``; the keys are ``<interface>.<step>``.

    Raises:
        SettingsError: A word of it is no step with a priority.
    """
    found = {}
    for word in words_of(text):
        step, _, priority = word.rpartition(":")
        if "." not in step or not (priority.isascii() and priority.isdigit()):
            raise SettingsError(
                f"setting clean_step_priority_override has {word!r}; write interface.step:priority, such as "
                "deploy.erase_devices:20"
            )
        found[step.strip()] = int(priority)
    return found


def class_runbooks(text: str) -> Mapping[str, str]:
    """Read the setting ``automated_cleaning_runbook_by_resource_class``.

    Raises:
        SettingsError: A word of it is no resource class with a runbook.
    """
    pairs = [word.rpartition(":") for word in words_of(text)]
    for name, _colon, runbook in pairs:
        if not name or not runbook:
            raise SettingsError(
                f"setting automated_cleaning_runbook_by_resource_class is {text!r}; write class:runbook, such as "
                "large:deep-clean, separated by commas"
            )
    return {name.strip(): runbook.strip() for name, _colon, runbook in pairs}


def proxy_networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Read the setting ``trusted_proxies``.

    Raises:
        SettingsError: A word of it is neither an address nor a network.
    """
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in words_of(text))
    except ValueError as error:
        raise SettingsError(
            f"setting trusted_proxies is {text!r}: {error}; write addresses or networks such as 192.0.2.0/24, "
            "separated by commas"
        ) from error


def burnin_kinds(text: str) -> tuple[str, ...]:
    """Read the setting ``burnin_required``.

    Raises:
        SettingsError: It names something that cannot be burned in.
    """
    kinds = words_of(text)
    if unknown := sorted(set(kinds) - set(BURNIN_KINDS)):
        raise SettingsError(
            f"setting burnin_required: there is no {', '.join(unknown)}; possible: {', '.join(BURNIN_KINDS)}"
        )
    return kinds


def container_images(text: str) -> tuple[str, ...]:
    """Read the setting ``agent_allowed_containers``.

    Raises:
        SettingsError: A word of it is no name of an image.
    """
    try:
        return tuple(image_name(word) for word in words_of(text))
    except Refusal as error:
        raise SettingsError(f"setting agent_allowed_containers: a word {error}") from error


def inspection_hooks(text: str) -> frozenset[str]:
    """Read the setting ``inspection_hooks``.

    Raises:
        SettingsError: It names one that does not exist.
    """
    hooks = frozenset(words_of(text))
    if unknown := sorted(hooks - _HOOKS):
        raise SettingsError(
            f"setting inspection_hooks: there is no {', '.join(unknown)}; possible: {', '.join(sorted(_HOOKS))}"
        )
    return hooks


def pci_aliases(text: str) -> Mapping[tuple[str, str], str]:
    """Read the setting ``inspection_pci_aliases``; the keys are vendor and product in lower case.

    Raises:
        SettingsError: A word of it is not of the form ``10de:2330=h100``.
    """
    aliases = {}
    for word in words_of(text):
        found = _PCI_ALIAS.fullmatch(word)
        if found is None:
            raise SettingsError(
                f"setting inspection_pci_aliases: {word!r} is not of the form 10de:2330=h100"
            )
        aliases[found["vendor"].lower(), found["product"].lower()] = found["name"]
    return aliases
