"""Addresses of artifacts in registries: ``oci://registry[:port]/name[:tag|@digest]``. Pure.

Source: OCI distribution specification 1.1, "Pulling manifests", for names, tags and digests.
"""

import base64
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from agent.protocol.refusal import Refusal

SCHEME = "oci"
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>{_NAME}(?:/{_NAME})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
_API_HOSTS = {"docker.io": "registry-1.docker.io"}
"""Registries whose API answers under another name than the one people write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An artifact; ``digest`` (``algorithm:hex``) = ``None``: named by ``tag`` only."""

    host: str
    name: str
    tag: str
    digest: str | None

    @property
    def wanted(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag

    def __str__(self) -> str:
        mark = "@" if self.digest else ":"
        return f"{SCHEME}://{self.host}/{self.name}{mark}{self.wanted}"


class Login(NamedTuple):
    """User and password for a registry."""

    user: str
    password: str

    @property
    def packed(self) -> str:
        """``user:password`` in base64, as container tools keep it."""
        return base64.b64encode(":".join(self).encode()).decode()

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Login(...)"


def parse_login(secret: str) -> Login:
    """Return user and password of a pull secret: ``user:password`` or, as with Ironic, the base64 of it.

    Raises:
        Refusal: It is neither; the message does not show it.
    """
    text = secret
    if ":" not in text:
        try:
            text = base64.b64decode(text, validate=True).decode()
        except ValueError:  # base64's and Unicode's errors
            text = ""
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise Refusal("is neither user:password nor the base64 of it", field="image_pull_secret")
    return Login(user, password)


def parse_reference(url: str) -> Reference:
    """Return the parts of an ``oci://`` URL; the tag is ``latest`` if none is given.

    Raises:
        Refusal: It is malformed; a message never shows a password in it.
    """
    parts = urlsplit(url)
    found = _REFERENCE.fullmatch(parts.path.removeprefix("/"))
    if "@" in parts.netloc:
        raise Refusal(
            f"{SCHEME}://{parts.hostname}{parts.path}: user and password do not belong into the URL;"
            " set instance_info.image_pull_secret",
            field="urls",
        )
    if (
        parts.scheme != SCHEME
        or not parts.hostname
        or found is None
        or parts.query
        or parts.fragment
    ):
        raise Refusal(
            f"{parts.scheme}://{parts.netloc}{parts.path}: not an address of an artifact; write"
            " oci://registry/name:tag or oci://registry/name@sha256:<hex>",
            field="urls",
        )
    host = _API_HOSTS.get(parts.netloc, parts.netloc)
    return Reference(
        host=host, name=found["name"], tag=found["tag"] or "latest", digest=found["digest"]
    )


def base_url(host: str, insecure: Collection[str]) -> str:
    """Return the registry's URL: https, and http only for this machine itself and for ``insecure`` registries."""
    name = urlsplit(f"//{host}").hostname or ""
    scheme = "http" if host in insecure or name in insecure or _is_loopback(name) else "https"
    return f"{scheme}://{host}"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
