"""What can be said of an ``image_info`` without asking anybody: whether the agent would write it. Pure.

The agent checks the order that it gets, the controller checks the order that it would give, before it powers a machine on:
the same functions, so that nothing fails after a boot that could have been refused before.
"""

import base64
from typing import Any
from urllib.parse import urlsplit

from agent.protocol.checksum import check_checksum, has_checksum
from agent.protocol.image import ImageInfo
from agent.protocol.oci_reference import SCHEME as OCI
from agent.protocol.oci_reference import parse_reference
from agent.protocol.partition_wishes import is_partition_image, partition_wishes
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import WEB_SCHEMES, encode_url, scheme_of, shown_url

FILE = "file"
IMAGE_TYPES = ("whole-disk", "whole-disk-image", "partition")
_RAW_FORMATS = ("raw", "gpt")
_PACKED_FORMATS = ("gzip", "xz", "zstd", "bzip2")
DISK_FORMATS = ("unknown", *_RAW_FORMATS, "qcow2", *_PACKED_FORMATS)
"""What ``disk_format`` may say; ``unknown``, as nothing, leaves it to the content."""
CONTAINER_FORMATS = ("bare", "compressed", "ami")
"""Glance's names for a file that is the image itself; the others are archives, or no disks."""
_PROXY_SCHEMES = ("http", "https")


def check_image(image: ImageInfo, *, allow_md5: bool, allow_unverified: bool) -> None:
    """Check an order to write an image.

    Args:
        image: The order.
        allow_md5: Whether the operator accepts MD5, which protects against accidents only.
        allow_unverified: Whether the operator accepts an image of which no checksum is known.

    Raises:
        Refusal: The agent would not write it; ``field`` says what is wrong.
    """
    if not image.urls:
        raise Refusal("no address is given", field="urls")
    for url in image.urls:
        usable_address(url)
    if has_checksum(image) or not (allow_unverified or any(map(is_artifact, image.urls))):
        check_checksum(image, allow_md5=allow_md5)
    _check_word(image.disk_format, DISK_FORMATS, "disk_format", "convert it to qcow2 or raw")
    _check_word(
        image.container_format,
        CONTAINER_FORMATS,
        "container_format",
        "publish the disk image alone",
    )
    _check_word(image.image_type, IMAGE_TYPES, "image_type", "use whole-disk or partition")
    authorization(image)
    for scheme, proxy in (image.proxies or {}).items():
        _check_proxy(scheme, proxy)
    if is_partition_image(image):
        partition_wishes(image, "uefi")


def usable_address(url: str) -> str:
    """Return the address of an image, encoded.

    Raises:
        Refusal: It is none that an agent can open; the message shows neither user nor password.
    """
    try:
        encoded = encode_url(url)
    except Refusal as error:
        raise Refusal(f"{shown_url(url)!r}: {error}", field="urls") from error
    scheme = scheme_of(encoded)
    if scheme == OCI:
        parse_reference(encoded)
    elif scheme == FILE:
        check_file_url(encoded)
    elif scheme not in WEB_SCHEMES:
        raise Refusal(
            f"{shown_url(url)!r} is no http, https, oci or file URL; put the image on a web server (the controller"
            " serves the files of its image_directory below /images/)",
            field="urls",
        )
    return encoded


def check_file_url(url: str) -> None:
    """Check that a ``file:`` URL (RFC 8089) names a file of the ramdisk.

    Raises:
        Refusal: It names another host, or no absolute path.
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or parts.query or not parts.path.startswith("/"):
        raise Refusal(
            f"{shown_url(url)!r} is no local file; write file:///folder/image", field="urls"
        )


def is_artifact(url: str) -> bool:
    """Whether ``url`` names an artifact, whose registry knows its digest."""
    return scheme_of(url) == OCI


def authorization(image: ImageInfo) -> str | None:
    """Return the ``Authorization`` header for the image's server; ``None`` = none is sent.

    Raises:
        Refusal: It is not base64 of a header's value.
    """
    if image.image_request_authorization:
        try:
            value = base64.b64decode(image.image_request_authorization, validate=True).decode()
        except ValueError as error:  # base64's and Unicode's errors
            raise Refusal(
                "is not base64 of an Authorization header's value",
                field="image_request_authorization",
            ) from error
        return value.strip()
    if image.image_server_auth_strategy == "http_basic":
        return basic_authorization(image.image_server_user or "", image.image_server_password or "")
    return None


def basic_authorization(user: str, password: str) -> str:
    """Return the value of an ``Authorization`` header, RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _check_word(value: Any, known: tuple[str, ...], field: str, advice: str) -> None:
    if value and value not in known:
        raise Refusal(
            f"{str(value)[:80]!r} cannot be written; possible are {', '.join(known)}; {advice}",
            field=field,
        )


def _check_proxy(scheme: str, proxy: str) -> None:
    address = proxy if "://" in proxy else f"http://{proxy}"
    if scheme_of(address) not in _PROXY_SCHEMES:
        raise Refusal(f"the proxy for {scheme} is no http or https URL", field="proxies")
    try:
        encode_url(address)
    except Refusal as error:
        raise Refusal(f"the proxy for {scheme}: {error}", field="proxies") from error
