"""The addresses under which booting machines and agents reach this controller."""

import re

from controller.settings import Settings

SCRIPT_PATH = "/boot/ipxe"
GRUB_SCRIPT_PATH = "/boot/grub/script"
MEDIUM_PATH = "/boot/medium.img"
MEDIA_PATH = "/boot/media"
_MEDIA_KEY = re.compile(rf"({MEDIA_PATH}/[0-9a-f-]+/)[0-9a-f]+")
LOADER_PATH = "/boot/loader"
IMAGE_STORE_PATH = "/images/store"


def public_url(settings: Settings) -> str:
    """Return the base URL of the API as machines see it, without a slash at the end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
    return f"http://{host}:{settings.listen_port}"


def shown_path(path: str) -> str:
    """Return a path for a log, without what nobody may know of the address of a boot medium."""
    return _MEDIA_KEY.sub(r"\1***", path)


def image_url(settings: Settings, uuid: str) -> str:
    """Return where machines get an image of this controller's store."""
    return f"{public_url(settings)}{IMAGE_STORE_PATH}/{uuid}"
