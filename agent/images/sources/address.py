"""The shared rules about orders and addresses, with the agent's errors."""

import msgspec

from agent.errors import ImageDownloadError, ImageError
from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import check_image, usable_address
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


def usable_order(image: ImageInfo, *, allow_md5: bool, allow_unverified: bool) -> ImageInfo:
    """Return an order that passed :func:`agent.protocol.image_rules.check_image`, its addresses encoded.

    Raises:
        ImageError: It did not; the message names the field.
    """
    try:
        check_image(image, allow_md5=allow_md5, allow_unverified=allow_unverified)
    except Refusal as error:
        raise ImageError(refused_order(error)) from error
    return msgspec.structs.replace(image, urls=[usable_address(url) for url in image.urls])


def refused_order(error: Refusal) -> str:
    """Return the message for a controller whose order is refused."""
    return f"image_info.{error.field}: {error}" if error.field else str(error)
