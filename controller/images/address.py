"""Where an image is: on a web server, in a registry, or in a file of the ramdisk. Pure.

The agent resolves what a registry has: its tokens live for minutes, a deployment waits longer for a machine to boot.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from controller.errors import Invalid

_WEB = frozenset({"http", "https"})
_UNREADABLE = SplitResult("", "", "", "", "")
_ARTIFACT = re.compile(
    r"/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?(?:@sha(?:256|512):[0-9a-f]+)?"
)


def check_address(source: str) -> None:
    """Check the form of an image's address.

    Raises:
        Invalid: It is none that an agent can fetch.
    """
    parts = _split(source)
    if is_web_url(source):
        return
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
    return _split(source).scheme == "oci"


def is_web_url(text: str) -> bool:
    """Say whether this is an http or https URL."""
    parts = _split(text)
    return parts.scheme in _WEB and bool(parts.netloc)


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


def shown_url(url: str) -> str:
    """Return a URL for messages: without user, password and query, which may be secrets."""
    parts = _split(url)
    if parts == _UNREADABLE:
        return f"{url.partition(':')[0]}:..."
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else url


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, all of them empty if it has none, such as one with brackets that do not close."""
    try:
        return urlsplit(url)
    except ValueError:
        return _UNREADABLE
