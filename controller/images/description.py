"""What ``instance_info`` says about an image, checked and turned into the agent's ``image_info``. Pure.

Source: Ironic's ``direct`` deploy interface; the shape is the one its conductor sends.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from controller.errors import Invalid

_MD5_DIGITS = 32
_HEX_DIGITS = frozenset({_MD5_DIGITS, 64, 128})
"""Lengths of md5, sha256 and sha512 sums; md5 only beside a better one, as image services give both."""
_EXAMPLE = (
    "image_source=http://server/image.qcow2 image_os_hash_algo=sha256 image_os_hash_value=<hex>"
)


def check_description(instance_info: Mapping[str, Any]) -> None:
    """Check what can be checked without asking anybody.

    Raises:
        Invalid: Names the key of ``instance_info`` that is missing or wrong, with an example.
    """
    source = instance_info.get("image_source")
    if not source:
        raise Invalid(f"instance_info.image_source is missing; set e.g. {_EXAMPLE}")
    if not _is_url(source):
        raise Invalid(
            f"instance_info.image_source {shown_url(str(source))!r} is no http or https URL; put the image on a "
            "web server (the controller serves the files of its image_directory below /images/)"
        )
    # A tuple: the value may be a list, which no set can look up.
    if instance_info.get("image_type", "whole-disk") not in ("whole-disk", "whole-disk-image"):
        raise Invalid(
            f"instance_info.image_type {instance_info['image_type']!r} is not served yet; "
            "use a whole-disk image"
        )
    _check_checksum(instance_info)


def image_info(
    instance_info: Mapping[str, Any],
    driver_info: Mapping[str, Any],
    node_uuid: str,
    config_drive: str | None,
) -> dict[str, Any]:
    """Return the agent's ``image_info`` for an image that :func:`check_description` accepts."""
    source = str(instance_info["image_source"])
    info: dict[str, Any] = {
        "id": unquote(urlsplit(source).path.rpartition("/")[2]) or "image",
        "urls": [source],
        "disk_format": instance_info.get("image_disk_format"),
        "container_format": instance_info.get("image_container_format"),
        "stream_raw_images": True,
        "checksum": instance_info.get("image_checksum"),
        "os_hash_algo": instance_info.get("image_os_hash_algo"),
        "os_hash_value": instance_info.get("image_os_hash_value"),
        "node_uuid": node_uuid,
    }
    if config_drive is not None:
        info["configdrive"] = config_drive
    proxies = {
        scheme: driver_info[f"image_{scheme}_proxy"]
        for scheme in ("http", "https")
        if driver_info.get(f"image_{scheme}_proxy")
    }
    if proxies:
        info["proxies"] = proxies
        info["no_proxy"] = driver_info.get("image_no_proxy")
    return info


def shown_url(url: str) -> str:
    """Return a URL for messages: without user, password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition(':')[0]}:..."
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else url


def _check_checksum(instance_info: Mapping[str, Any]) -> None:
    checksum = instance_info.get("image_checksum")
    algorithm = instance_info.get("image_os_hash_algo")
    value = instance_info.get("image_os_hash_value")
    if bool(algorithm) != bool(value):
        raise Invalid(
            "instance_info.image_os_hash_algo and image_os_hash_value belong together; one is missing"
        )
    if not checksum and not value:
        raise Invalid(
            "instance_info has no checksum of the image, and an image that cannot be checked is not "
            f"written; set e.g. {_EXAMPLE} (or the URL of a checksum file as the value)"
        )
    for key, text in (("image_checksum", checksum), ("image_os_hash_value", value)):
        if text and not _is_url(text) and not _is_hex(str(text)):
            raise Invalid(
                f"instance_info.{key} {str(text)!r} is neither a hexadecimal sha256 or sha512 sum "
                "nor an http(s) URL"
            )
    used = str(value or checksum)
    is_md5 = len(used) == _MD5_DIGITS and _is_hex(used)
    if is_md5 or str(algorithm).lower() == "md5":
        raise Invalid(
            "instance_info has only an MD5 sum of the image, which the agent refuses because it does not "
            f"protect against forgery; use sha256 or sha512, e.g. {_EXAMPLE}"
        )


def _is_url(value: Any) -> bool:
    try:
        parts = urlsplit(str(value))
    except ValueError:  # e.g. brackets that do not close
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _is_hex(text: str) -> bool:
    return len(text) in _HEX_DIGITS and not set(text.lower()) - set("0123456789abcdef")
