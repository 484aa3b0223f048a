"""What ``instance_info`` says about an image, turned into the agent's ``image_info`` and checked by the agent's rules. Pure.

Source: Ironic's ``direct`` deploy interface; the shape is the one its conductor sends.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from agent.protocol.checksum import check_digest
from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import IMAGE_TYPES, check_image, usable_address
from agent.protocol.web_address import file_name_of, is_web_address
from controller.errors import Invalid
from controller.images.address import mirrors, pull_login

_EXAMPLE = (
    "image_source=http://server/image.qcow2 image_os_hash_algo=sha256 image_os_hash_value=<hex>"
)


def image_info(
    instance_info: Mapping[str, Any],
    driver_info: Mapping[str, Any],
    node_uuid: str,
    config_drive: str | None,
) -> dict[str, Any]:
    """Return the agent's ``image_info``, without what is for partition images only.

    Raises:
        Invalid: There is no image, or its mirrors or its login are malformed.
        Refusal: An address cannot be used.
    """
    if not instance_info.get("image_source"):
        raise Invalid(f"instance_info.image_source is missing; set e.g. {_EXAMPLE}")
    source = usable_address(str(instance_info["image_source"]))
    info: dict[str, Any] = {
        "id": file_name_of(source) or "image",
        "urls": [source, *map(usable_address, mirrors(instance_info))],
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


def check_order(
    info: Mapping[str, Any], *, allow_unverified: bool = False, allow_md5: bool = False
) -> ImageInfo:
    """Return ``image_info`` as the agent will read it, if the agent would carry it out.

    Args:
        info: What the agent will be sent.
        allow_unverified: Whether the settings allow an image of which no checksum is known.
        allow_md5: Whether they allow one that has only an MD5 sum.

    Raises:
        Invalid: A value has a type that the agent does not read.
        Refusal: The agent would not write it.
    """
    try:
        image = msgspec.convert(info, ImageInfo)
    except msgspec.ValidationError as error:
        raise Invalid(
            f"a value of instance_info or driver_info has a type that no agent reads: {error}; correct the key that"
            " image_info is made of"
        ) from error
    check_image(image, allow_md5=allow_md5, allow_unverified=allow_unverified)
    return image


def check_words(instance_info: Mapping[str, Any]) -> None:
    """Check what the agent is not told, or would overlook.

    Raises:
        Invalid: Two keys of ``instance_info`` that belong together are not both there, or the kind of image is unknown.
        Refusal: A sum that is not the one that counts is malformed.
    """
    algorithm, value = (instance_info.get(f"image_os_hash_{name}") for name in ("algo", "value"))
    if bool(algorithm) != bool(value):
        raise Invalid(
            "instance_info.image_os_hash_algo and image_os_hash_value belong together; one is missing"
        )
    kind = instance_info.get("image_type")
    if kind and kind not in IMAGE_TYPES:
        raise Invalid(
            f"instance_info.image_type: {kind!r} is not known; use whole-disk or partition"
        )
    checksum = instance_info.get("image_checksum")
    if value and isinstance(checksum, str) and checksum and not is_web_address(checksum):
        check_digest(checksum, allow_md5=True, field="checksum")
