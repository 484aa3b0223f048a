"""Readers of the controller's settings that hold several words, with commas between them."""

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple

from agent.protocol.containers import image_name
from agent.protocol.refusal import Refusal
from controller.errors import SettingsError

BURNIN_KINDS = ("cpu", "memory", "disk", "network", "gpu")
"""What can be burned in: the step is ``burnin_<kind>``."""
_ACCELERATOR = re.compile(
    r"(?P<vendor>[0-9a-fA-F]{4}):(?P<product>[0-9a-fA-F]{4})=(?P<type>[A-Za-z]{1,32}):(?P<name>.{1,128})"
)
_PCI_ALIAS = re.compile(
    r"(?P<vendor>[0-9a-fA-F]{4}):(?P<product>[0-9a-fA-F]{4})=(?P<name>[A-Za-z0-9_.-]{1,64})"
)

_PAIR = 2
_MOST_PORT = 65535


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text that has commas between them."""
    words = (word.strip() for word in text.split(","))
    return tuple(word for word in words if word)


def step_priorities(text: str, setting: str, example: str) -> Mapping[str, int]:
    """Read the setting of this name, which holds priorities of steps; the keys are ``<interface>.<step>``.

    Raises:
        SettingsError: A word of it is no step with a priority.
    """
    found = {}
    for word in words_of(text):
        step, _, priority = word.rpartition(":")
        if "." not in step or not (priority.isascii() and priority.isdigit()):
            raise SettingsError(
                f"setting {setting} has {word!r}; write interface.step:priority, such as {example}"
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


def networks(text: str, setting: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Read the setting of this name, which holds networks.

    Raises:
        SettingsError: A word of it is neither an address nor a network.
    """
    try:
        return tuple(ipaddress.ip_network(word, strict=False) for word in words_of(text))
    except ValueError as error:
        raise SettingsError(
            f"setting {setting} is {text!r}: {error}; write addresses or networks such as 192.0.2.0/24, "
            "separated by commas"
        ) from error


def port_range(text: str) -> tuple[int, int] | None:
    """Read the setting ``console_port_range``: the first and the last port; ``None`` = it is empty.

    Raises:
        SettingsError: It is not of the form ``10000:10999``.
    """
    if not text:
        return None
    words = text.split(":")
    if len(words) == _PAIR and all(word.isascii() and word.isdigit() for word in words):
        first, last = int(words[0][:6]), int(words[1][:6])
        if 0 < first <= last <= _MOST_PORT:
            return first, last
    raise SettingsError(
        f"setting console_port_range is {text!r}; write the first and the last port, such as 10000:10999"
    )


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


class Accelerator(NamedTuple):
    """What is told of an accelerator, by Ironic's names."""

    vendor_id: str
    device_id: str
    type: str
    device_info: str


def cpu_capabilities(text: str) -> Mapping[str, str]:
    """Read the setting ``inspection_cpu_capabilities``: capabilities by flag.

    Raises:
        SettingsError: A word of it is not of the form ``vmx=cpu_vt``.
    """
    pairs = [word.partition("=") for word in words_of(text)]
    for flag, _sign, name in pairs:
        if not flag or not name or ":" in name:
            raise SettingsError(
                f"setting inspection_cpu_capabilities is {text!r}; write flag=capability, such as vmx=cpu_vt"
            )
    return {flag.strip(): name.strip() for flag, _sign, name in pairs}


def accelerators(text: str) -> Mapping[tuple[str, str], Accelerator]:
    """Read the setting ``inspection_accelerators``; the keys are vendor and product in lower case.

    Raises:
        SettingsError: A word of it is not of the form ``10de:1eb8=GPU:NVIDIA Tesla T4``.
    """
    found = {}
    for word in words_of(text):
        parts = _ACCELERATOR.fullmatch(word)
        if parts is None:
            raise SettingsError(
                f"setting inspection_accelerators: {word!r} is not of the form 10de:1eb8=GPU:NVIDIA Tesla T4"
            )
        vendor, product = parts["vendor"].lower(), parts["product"].lower()
        found[vendor, product] = Accelerator(vendor, product, parts["type"], parts["name"])
    return found


def physical_networks(
    text: str,
) -> Mapping[ipaddress.IPv4Network | ipaddress.IPv6Network, str]:
    """Read the setting ``inspection_physical_networks``: names by network, in their order.

    Raises:
        SettingsError: A word of it is not of the form ``10.10.10.0/24:red``.
    """
    found = {}
    for word in words_of(text):
        network, _colon, name = word.rpartition(":")
        try:
            found[ipaddress.ip_network(network)] = name
        except ValueError as error:
            raise SettingsError(
                f"setting inspection_physical_networks: {word!r} is not of the form 10.10.10.0/24:red"
            ) from error
    return found


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
