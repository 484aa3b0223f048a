"""What ``instance_info`` says about an image, checked and turned into the agent's ``image_info``. Pure.

Source: Ironic's ``direct`` deploy interface; the shape is the one its conductor sends.
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.web_address import encode_url, file_name_of, is_web_address
from controller.errors import Invalid
from controller.images.address import (
    check_address,
    check_encodable,
    is_artifact,
    mirrors,
    pull_login,
)

_MD5_DIGITS = 32
_HEX_DIGITS = frozenset({_MD5_DIGITS, 64, 128})
"""Lengths of md5, sha256 and sha512 sums; md5 only beside a better one, as image services give both."""
_IMAGE_TYPES = ("whole-disk", "whole-disk-image", "partition")
"""A tuple: a client's value may be a list, which no set can look up."""
_EXAMPLE = (
    "image_source=http://server/image.qcow2 image_os_hash_algo=sha256 image_os_hash_value=<hex>"
)


def check_description(
    instance_info: Mapping[str, Any],
    *,
    allow_unverified: bool = False,
    allow_md5: bool = False,
) -> None:
    """Check what can be checked without asking anybody.

    Args:
        instance_info: The node's.
        allow_unverified: Whether the settings allow an image of which no checksum is known.
        allow_md5: Whether they allow one that has only an MD5 sum.

    Raises:
        Invalid: Names the key of ``instance_info`` that is missing or wrong, with an example.
    """
    source = instance_info.get("image_source")
    if not source:
        raise Invalid(f"instance_info.image_source is missing; set e.g. {_EXAMPLE}")
    for address in (source, *mirrors(instance_info)):
        check_address(str(address))
    pull_login(instance_info)
    if (instance_info.get("image_type") or "whole-disk") not in _IMAGE_TYPES:
        raise Invalid(
            f"instance_info.image_type {instance_info['image_type']!r} is not known; "
            "use whole-disk or partition"
        )
    _check_checksum(instance_info, allow_unverified=allow_unverified, allow_md5=allow_md5)


def image_info(
    instance_info: Mapping[str, Any],
    driver_info: Mapping[str, Any],
    node_uuid: str,
    config_drive: str | None,
) -> dict[str, Any]:
    """Return the agent's ``image_info`` for an image that :func:`check_description` accepts."""
    source = encode_url(str(instance_info["image_source"]))
    info: dict[str, Any] = {
        "id": file_name_of(source) or "image",
        "urls": [source, *map(encode_url, mirrors(instance_info))],
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
    if login := pull_login(instance_info):
        info["image_server_auth_strategy"] = "http_basic"
        info["image_server_user"], info["image_server_password"] = login
    if proxies:
        info["proxies"] = proxies
        info["no_proxy"] = driver_info.get("image_no_proxy")
    return info


def _check_checksum(
    instance_info: Mapping[str, Any], *, allow_unverified: bool, allow_md5: bool
) -> None:
    checksum = instance_info.get("image_checksum")
    algorithm = instance_info.get("image_os_hash_algo")
    value = instance_info.get("image_os_hash_value")
    if bool(algorithm) != bool(value):
        raise Invalid(
            "instance_info.image_os_hash_algo and image_os_hash_value belong together; one is missing"
        )
    may_lack = allow_unverified or is_artifact(str(instance_info["image_source"]))
    if not checksum and not value and not may_lack:
        raise Invalid(
            "instance_info has no checksum of the image, and an image that cannot be checked is not "
            f"written; set e.g. {_EXAMPLE} (or the URL of a checksum file as the value), or allow it with the "
            "controller's setting allow_unverified_images"
        )
    for key, text in (("image_checksum", checksum), ("image_os_hash_value", value)):
        if text and is_web_address(str(text)):
            check_encodable(str(text), f"instance_info.{key}")
        elif text and not _is_hex(str(text)):
            raise Invalid(
                f"instance_info.{key} {str(text)!r} is neither a hexadecimal sha256 or sha512 sum "
                "nor an http(s) URL"
            )
    used = str(value or checksum)
    is_md5 = len(_digits(used)) == _MD5_DIGITS and _is_hex(used)
    if not allow_md5 and (is_md5 or str(algorithm).lower() == "md5"):
        raise Invalid(
            "instance_info has only an MD5 sum of the image, which the agent refuses because it does not "
            f"protect against forgery; use sha256 or sha512, e.g. {_EXAMPLE}, or allow it with the controller's "
            "setting allow_md5_images"
        )


def _digits(text: str) -> str:
    """Return a sum without the name of its algorithm, as in ``sha256:<hex>``."""
    return text.rpartition(":")[2]


def _is_hex(text: str) -> bool:
    digits = _digits(text)
    return len(digits) in _HEX_DIGITS and not set(digits.lower()) - set("0123456789abcdef")
