"""Which containers may run and with which options. Pure.

Source: Ironic's ``agent_containers`` (section ``agent_containers`` of its configuration, handed out with the lookup).
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from agent.errors import InvalidRequest, SettingError

DEFAULT_STEP_FILE = "/etc/ironic-python-agent.d/mysteps.yaml"
_RUNNERS = ("podman", "docker")
_SCHEMES = ("docker://", "oci://")
_REFERENCE = re.compile(r"[0-9a-z][0-9A-Za-z._:/@+-]{0,511}")


class ContainerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the controller allows; the defaults are Ironic's. ``runner`` is ``podman`` or ``docker``."""

    allow_arbitrary_containers: bool = False
    allowed_containers: tuple[str, ...] = ()
    container_steps_file: str = DEFAULT_STEP_FILE
    runner: str = "podman"
    pull_options: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ("--rm", "--network=host")


def read_rules(told: Any) -> ContainerRules:
    """Return the rules of ``agent_containers``; ``null`` for a key means its default.

    Raises:
        SettingError: A value has another type, or the runner is unknown.
    """
    given = {key: value for key, value in dict(told or {}).items() if value is not None}
    try:
        rules = msgspec.convert(given, ContainerRules)
    except msgspec.ValidationError as error:
        raise SettingError(f"agent_containers of the controller: {error}") from error
    if rules.runner not in _RUNNERS:
        raise SettingError(
            f"agent_containers.runner of the controller is {rules.runner!r}; possible: {', '.join(_RUNNERS)}"
        )
    return rules


def bare_reference(url: Any, what: str) -> str:
    """Return the name of an image without its scheme.

    Raises:
        InvalidRequest: It is no name of an image; ``what`` begins the message.
    """
    text = url if isinstance(url, str) else ""
    for scheme in _SCHEMES:
        text = text.removeprefix(scheme)
    if not _REFERENCE.fullmatch(text):
        raise InvalidRequest(
            f"{what}: container_url is {url!r}; give the name of an image: registry.example.org/tool:1.0"
        )
    return text


def allowed_options(
    rules: ContainerRules, reference: str, asked: Sequence[str] | None, default: Sequence[str]
) -> tuple[str, ...]:
    """Return the options for an image that the client named.

    An image that is allowed by name gets what is asked for; an arbitrary one only the operator's own options: otherwise whoever may order
    a step could run anything with any right.

    Raises:
        InvalidRequest: The image is not allowed, or a word is no option.
    """
    named = {bare_reference(name, "allowed_containers") for name in rules.allowed_containers}
    if reference in named:
        _require_options(asked or ())
        return tuple(default if asked is None else asked)
    if rules.allow_arbitrary_containers:
        return tuple(default)
    raise InvalidRequest(
        f"container {reference} is not allowed here; allowed: {', '.join(sorted(named)) or 'none'} "
        "(controller's setting agent_containers.allowed_containers)"
    )


def _require_options(words: Sequence[str]) -> None:
    """Refuse words behind which an image of the client's choice would stand before the one that is allowed.

    Raises:
        InvalidRequest: A word is no option.
    """
    odd = [word for word in words if not word.startswith("-") or word == "--"]
    if odd:
        raise InvalidRequest(
            f"container options: {', '.join(map(repr, odd))} are no options; write an option and its value as one word: "
            "--volume=/a:/b"
        )
