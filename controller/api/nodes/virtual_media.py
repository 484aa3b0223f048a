"""``/v1/nodes/<ident>/vmedia``: images in the drives that the BMC shows to the machine."""

from urllib.parse import urlsplit

from flask import Response

from agent.protocol.foreign_text import clean_text
from agent.protocol.masking import masked
from controller.api.call import Call
from controller.api.documents.orders import MediaOrder
from controller.api.replies import empty_reply, json_reply
from controller.errors import Invalid
from controller.hardware.abilities import MediaDevice
from controller.workflow.virtual_media import (
    attach_virtual_media,
    detach_virtual_media,
    virtual_media,
)

_SCHEMES = ("http", "https", "nfs", "cifs", "smb")
_SOURCES = ("http", "local", "swift")
_KNOWN = MediaOrder.__struct_fields__
_SHOWN_CHARS = 60


def show(call: Call, ident: str) -> Response:
    """Say what is in the virtual drives."""
    found = virtual_media(call.services, ident)
    drives = [
        masked({"media_types": [str(device)], "inserted": url is not None, "image": url})
        for device, url in found.items()
    ]
    return json_reply(drives)


def attach(call: Call, ident: str) -> Response:
    """Put the image at ``image_url`` into the drive ``device_type``; the BMC reads it there."""
    body = call.body_object()
    if unknown := sorted(set(body) - set(_KNOWN)):
        raise Invalid(f"Unexpected arguments: {', '.join(unknown)}; valid: {', '.join(_KNOWN)}")
    device, url = body.get("device_type"), body.get("image_url")
    if not isinstance(device, str) or not isinstance(url, str):
        raise Invalid("device_type and image_url must both be given, as texts")
    source = body.get("image_download_source", "http")
    if source not in _SOURCES:
        raise Invalid(f"image_download_source must be one of {', '.join(_SOURCES)}")
    attach_virtual_media(call.services, ident, _device(device), _address(url))
    return empty_reply()


def detach(call: Call, ident: str) -> Response:
    """Empty the drives ``device_types``, or all."""
    text = call.query.get("device_types")
    devices = [_device(one) for one in text.split(",")] if text else None
    detach_virtual_media(call.services, ident, devices)
    return empty_reply()


def _device(text: str) -> MediaDevice:
    if text not in set(MediaDevice):
        shown = clean_text(text, _SHOWN_CHARS)
        raise Invalid(f"Invalid device type {shown!r} (valid are {', '.join(MediaDevice)})")
    return MediaDevice(text)


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in _SCHEMES and bool(parts.hostname)
    except ValueError:
        is_whole = False
    if not is_whole or not url.isprintable():
        raise Invalid(f"image_url must be an address with one of the schemes {', '.join(_SCHEMES)}")
    return url
