"""The addresses under which booting machines and agents reach this controller."""

from controller.settings import Settings

SCRIPT_PATH = "/boot/ipxe"
LOADER_PATH = "/boot/loader"


def public_url(settings: Settings) -> str:
    """Return the base URL of the API as machines see it, without a slash at the end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
    return f"http://{host}:{settings.listen_port}"
