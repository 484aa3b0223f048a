"""An image that ``instance_info`` names instead of an address: what a deployment takes of the store's entry. Pure."""

from collections.abc import Mapping
from typing import Any

from agent.protocol.web_address import scheme_of
from controller.errors import Invalid

KEY = "registered_image"
"""Key of ``driver_internal_info``: which image the running or last deployment was given, and its digest."""
_GLANCE = "glance://"


def name_of(instance_info: Mapping[str, Any]) -> str | None:
    """Return the name or UUID that ``image_source`` gives of a registered image; ``None`` = it is an address, or nothing."""
    source = instance_info.get("image_source")
    if not isinstance(source, str) or not source:
        return None
    if source.lower().startswith(_GLANCE):  # as Ironic's users write it
        return source[len(_GLANCE) :]
    is_address = bool(scheme_of(source)) or source.startswith("/")
    return None if is_address else source


def with_registered(
    instance_info: Mapping[str, Any], internal_info: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return ``instance_info`` with the addresses and the digest of the registered image that it names.

    Raises:
        Invalid: It names one that the deployment was not given.
    """
    name = name_of(instance_info)
    if name is None:
        return instance_info
    found = internal_info.get(KEY)
    if not isinstance(found, Mapping) or found.get("asked_for") != name:
        raise Invalid(
            f"instance_info.image_source {name!r} is neither an address nor an image that is registered; see"
            " GET /v1/images, or give an http(s), oci or file URL"
        )
    first, *others = found["urls"]
    changes = {
        "image_source": first,
        "image_mirrors": others,
        "image_checksum": None,
        "image_os_hash_algo": found["os_hash_algo"],
        "image_os_hash_value": found["os_hash_value"],
    }
    if not instance_info.get("image_disk_format"):
        changes["image_disk_format"] = found.get("disk_format")
    return {**instance_info, **changes}
