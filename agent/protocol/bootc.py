"""What a bootable container is installed from, and how: the order of Ironic's ``bootc`` deploy interface. Pure.

The controller refuses by these functions before it powers a machine on, the agent before it touches a disk. Source of the names:
Ironic's agent API (``standby.execute_bootc_install``, deploy step ``execute_bootc_install``); ``docker://`` is ours.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agent.protocol.known_secrets import KnownSecrets
from agent.protocol.loose_values import truth
from agent.protocol.oci_reference import SCHEME, Login, Reference, parse_login, parse_reference
from agent.protocol.refusal import Refusal

STEP = "execute_bootc_install"
_SCHEMES = (SCHEME, "docker")
_MOST_KEYS_BYTES = 64 << 10
_KEY_TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]{3,60} [A-Za-z0-9+/]{16,}")
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BootcOrder:
    """One installation; ``None`` = not given, ``configdrive`` is its content as text or its URL."""

    source: str
    """The image as it was ordered."""
    registry: str
    """``host[:port]`` as people write it; the one of ``reference`` is where its API answers."""
    reference: Reference
    login: Login | None = None
    authorized_keys: str | None = None
    """Lines of ``authorized_keys`` for root."""
    has_tpm2_luks: bool = False
    """The root filesystem is encrypted, and the machine's TPM opens it."""
    configdrive: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The image's name with its tag, as container tools write it."""
        return f"{self.registry}/{self.reference.name}:{self.reference.tag}"

    def pinned(self, digest: str) -> str:
        """Return the image's name with the digest that it has, so that a tag which moves meanwhile does not matter."""
        return f"{self.registry}/{self.reference.name}@{digest}"


def read_order(
    image_source: Any,
    instance_info: Mapping[str, Any],
    *,
    secret: str | None = None,
    configdrive: Any = None,
) -> BootcOrder:
    """Return the order.

    Args:
        image_source: ``oci://registry/name[:tag][@digest]``, or the same with ``docker://``.
        instance_info: The node's, for ``bootc_authorized_keys`` and ``bootc_tpm2_luks``.
        secret: ``user:password``, or the base64 of it; ``None`` = the registry wants none.
        configdrive: Its content as text, or its URL.

    Raises:
        Refusal: A value cannot be used; ``field`` is its name, and no message holds the secret.
    """
    source, reference, registry = read_source(image_source)
    if configdrive is not None and not isinstance(configdrive, str):
        raise Refusal("is no text (base64 of the drive, or its URL)", field="configdrive")
    return BootcOrder(
        source=source,
        registry=registry,
        reference=reference,
        login=parse_login(secret) if secret else None,
        authorized_keys=_authorized_keys(instance_info.get("bootc_authorized_keys")),
        has_tpm2_luks=truth(instance_info.get("bootc_tpm2_luks"), "bootc_tpm2_luks"),
        configdrive=configdrive or None,
    )


def read_source(image_source: Any) -> tuple[str, Reference, str]:
    """Return the address of an image, its parts, and the registry as people write it.

    Raises:
        Refusal: It is no address in a registry.
    """
    text = image_source if isinstance(image_source, str) else ""
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        shown = repr(text[:_LONGEST_SHOWN]) if "@" not in text else "what is given"
        raise Refusal(
            f"{shown} is no container image; write oci://registry/name:tag or oci://registry/name@sha256:<hex>",
            field="image_source",
        )
    address = f"{SCHEME}://{rest}"
    try:
        reference = parse_reference(address)
    except Refusal as error:
        raise Refusal(str(error), field="image_source") from error
    return f"{scheme.lower()}://{rest}", reference, urlsplit(address).netloc


def secrets_of(order: BootcOrder) -> KnownSecrets:
    """Return what nobody may see of an order."""
    login = order.login
    if login is None:
        return KnownSecrets()
    return KnownSecrets(
        everywhere=frozenset({login.packed, ":".join(login), login.password} - {""})
    )


def unpack_secret(packed: Any) -> str | None:
    """Return the ``pull_secret`` of an order, which Ironic packs into base64 for the way; ``None`` = none is given.

    Raises:
        Refusal: It is no base64 of a text; the message does not show it.
    """
    if packed is None or packed == "":
        return None
    try:
        return base64.b64decode(packed, validate=True).decode()
    except (TypeError, ValueError) as error:  # base64's and Unicode's errors are of the second kind
        raise Refusal("is no base64 of a text", field="pull_secret") from error


def _authorized_keys(value: Any) -> str | None:
    """Return the lines, checked.

    Raises:
        Refusal: They are no public keys; the message does not show them.
    """
    if value is None or value == "":
        return None
    name = "bootc_authorized_keys"
    if not isinstance(value, str) or len(value.encode(errors="replace")) > _MOST_KEYS_BYTES:
        raise Refusal(f"is no text of at most {_MOST_KEYS_BYTES} bytes", field=name)
    if "PRIVATE KEY" in value:
        raise Refusal("holds a private key; give the public one", field=name)
    lines = [line.strip() for line in value.splitlines()]
    for number, line in enumerate(lines, start=1):
        is_key = _KEY_TYPE.search(line) is not None and line.isprintable()
        if line and not line.startswith("#") and not is_key:
            raise Refusal(f"line {number} is no public key of SSH", field=name)
    return "\n".join(lines).strip() + "\n"
