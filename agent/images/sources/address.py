"""Addresses that the controller or a person gave, made fit for requests before anything is asked."""

import msgspec

from agent.errors import ImageDownloadError
from agent.protocol.image import ImageInfo
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url


def usable(url: str) -> str:
    """Return ``url`` encoded.

    Raises:
        ImageDownloadError: It is none that can be asked; the message does not show it, because it may hold a password.
    """
    try:
        return encode_url(url)
    except Refusal as error:
        raise ImageDownloadError(f"an address cannot be used: {error}; correct it") from error


def with_usable_addresses(image: ImageInfo) -> ImageInfo:
    """Return ``image`` with its addresses encoded.

    Raises:
        ImageDownloadError: One of them cannot be used, or there is none.
    """
    if not image.urls:
        raise ImageDownloadError(f"image {image.id}: no URL given")
    return msgspec.structs.replace(image, urls=[usable(url) for url in image.urls])
