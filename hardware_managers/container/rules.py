"""Which containers may run and with which options, by the rules that the controller told. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from agent.errors import InvalidRequest, SettingError
from agent.protocol.containers import RUNNERS, ContainerRules, image_name
from agent.protocol.refusal import Refusal


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
    if rules.runner not in RUNNERS:
        raise SettingError(
            f"agent_containers.runner of the controller is {rules.runner!r}; possible: {', '.join(RUNNERS)}"
        )
    return rules


def bare_reference(url: Any, what: str) -> str:
    """Return the name of an image without its scheme.

    Raises:
        InvalidRequest: It is no name of an image; ``what`` begins the message.
    """
    try:
        return image_name(url)
    except Refusal as error:
        raise InvalidRequest(f"{what}: container_url {error}") from error


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
        "(controller's setting agent_allowed_containers, Ironic's agent_containers.allowed_containers)"
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
