"""Which containers may be run as steps, as the controller tells its agents, and what counts as the name of an image. Pure.

Source: Ironic's ``agent_containers`` (section ``agent_containers`` of its configuration, handed out with the lookup).
"""

import re

import msgspec

from agent.protocol.refusal import Refusal

RUNNERS = ("podman", "docker")
_SCHEMES = ("docker://", "oci://")
_IMAGE_NAME = re.compile(r"[0-9a-z][0-9A-Za-z._:/@+-]{0,511}")


class ContainerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the controller allows; the defaults are Ironic's. ``runner`` is one of ``RUNNERS``."""

    allow_arbitrary_containers: bool = False
    allowed_containers: tuple[str, ...] = ()
    container_steps_file: str = "/etc/ironic-python-agent.d/mysteps.yaml"
    runner: str = "podman"
    pull_options: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ("--rm", "--network=host")


def image_name(url: object) -> str:
    """Return the name of an image without its scheme.

    Raises:
        Refusal: It is no name of an image, an option for instance.
    """
    text = url if isinstance(url, str) else ""
    for scheme in _SCHEMES:
        text = text.removeprefix(scheme)
    if not _IMAGE_NAME.fullmatch(text):
        raise Refusal(f"is {url!r}; give the name of an image: registry.example.org/tool:1.0")
    return text
