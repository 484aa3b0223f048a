"""Further addresses of an image, and the login for its registry. Pure.

The agent resolves what a registry has: its tokens live for minutes, a deployment waits longer for a machine to boot.
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.image_rules import is_artifact
from agent.protocol.oci_reference import parse_login
from agent.protocol.refusal import Refusal
from controller.errors import Invalid


def mirrors(instance_info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return further addresses of the same image, in the order in which agents try them: ``image_mirrors``, which is ours.

    Raises:
        Invalid: It is neither a list of addresses nor text with commas between them.
    """
    value = instance_info.get("image_mirrors") or ()
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise Invalid("instance_info.image_mirrors is no list of addresses")
    return tuple(word.strip() for word in words if word.strip())


def pull_login(instance_info: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return user and password for the registry; ``None`` = none given, or the image is in no registry.

    ``image_pull_secret`` is ``user:password`` or, as with Ironic, the base64 of it.

    Raises:
        Invalid: It is neither; the message does not show it.
    """
    secret = instance_info.get("image_pull_secret")
    if not secret or not is_artifact(str(instance_info.get("image_source"))):
        return None
    try:
        return parse_login(str(secret))
    except Refusal as error:
        raise Invalid(f"instance_info.image_pull_secret {error}") from error
