"""What the agent's settings want of the hardware managers."""

import base64
import binascii

from agent.errors import SettingError
from agent.hardware.image_rules import ImageRules
from agent.hardware.wishes import Wishes
from agent.settings import Settings

_PEM_MARK = "-----BEGIN CERTIFICATE-----"


def wishes_of(settings: Settings, *, allow_md5: bool = False) -> Wishes:
    """Return what the settings want.

    Args:
        settings: The agent's.
        allow_md5: Whether the controller's answer to the lookup allows MD5 checksums.

    Raises:
        SettingError: ``image_ca`` is no certificate.
    """
    rules = ImageRules(
        allow_unverified=settings.allow_unverified_images,
        allow_md5=allow_md5 or settings.allow_md5_images,
        folders=_words(settings.image_folders),
        insecure_registries=_words(settings.insecure_registries),
        ca_files=tuple(filter(None, (settings.ca_file, settings.image_ca_file))),
        ca_pem=_pem(settings.image_ca),
        verify_tls=not settings.image_insecure,
        stall_timeout_s=settings.image_stall_timeout_s,
        stall_least_bytes=settings.image_stall_bytes,
        verify=settings.image_verify,
        config_drive_rebuild=settings.config_drive_rebuild,
    )
    return Wishes(images=rules)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _pem(text: str) -> str:
    """Return PEM text; a kernel argument has no line breaks and brings it in base64."""
    if not text or _PEM_MARK in text:
        return text
    try:
        decoded = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    if _PEM_MARK not in decoded:
        raise SettingError("image_ca: neither a certificate in PEM form nor the base64 of one")
    return decoded
