"""Where an image is: on a web server, in a registry, or in a file of the ramdisk. Pure.

The agent resolves what a registry has: its tokens live for minutes, a deployment waits longer for a machine to boot.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url, is_web_address, scheme_of, shown_url
from controller.errors import Invalid

_UNREADABLE = SplitResult("", "", "", "", "")
_ARTIFACT = re.compile(
    r"/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?(?:@sha(?:256|512):[0-9a-f]+)?"
)


def check_address(source: str) -> None:
    """Check the form of an image's address.

    Raises:
        Invalid: It is none that an agent can fetch.
    """
    try:
        encode_url(source)
    except Refusal as error:
        raise Invalid(
            f"the image's address {shown_url(source)!r} cannot be used: {error}"
        ) from error
    if is_web_address(source):
        return
    parts = _split(source)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return
    if parts.scheme != "oci":
        raise Invalid(
            f"the image's address {shown_url(source)!r} is no http, https, oci or file URL; put the image on "
            "a web server (the controller serves the files of its image_directory below /images/)"
        )
    if "@" in parts.netloc:
        raise Invalid(
            "the image's address has a user in it; put user:password into instance_info.image_pull_secret"
        )
    if not parts.netloc or not _ARTIFACT.fullmatch(parts.path) or parts.query or parts.fragment:
        raise Invalid(
            f"the image's address {shown_url(source)!r} is no address of an artifact; write "
            "oci://registry/name:tag or oci://registry/name@sha256:<hex>"
        )


def check_encodable(url: str, name: str) -> None:
    """Check that an address names a host and a port that can be.

    Raises:
        Invalid: It does not; the message calls it ``name``.
    """
    try:
        encode_url(url)
    except Refusal as error:
        raise Invalid(f"{name} {shown_url(url)!r} cannot be used: {error}") from error


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


def is_artifact(source: str) -> bool:
    """Say whether the image comes from a registry, which knows its digest."""
    return scheme_of(source) == "oci"


def pull_login(instance_info: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return user and password for the registry; ``None`` = none given, or the image is in no registry.

    ``image_pull_secret`` is ``user:password`` or, as with Ironic, the base64 of it.

    Raises:
        Invalid: It is neither; the message does not show it.
    """
    secret = instance_info.get("image_pull_secret")
    if not secret or not is_artifact(str(instance_info.get("image_source"))):
        return None
    text = str(secret)
    if ":" not in text:
        try:
            text = base64.b64decode(text, validate=True).decode()
        except ValueError:  # base64's and Unicode's errors
            text = ""
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise Invalid(
            "instance_info.image_pull_secret is neither user:password nor the base64 of it"
        )
    return user, password


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, all of them empty if it has none, such as one with brackets that do not close."""
    try:
        return urlsplit(url)
    except ValueError:
        return _UNREADABLE
