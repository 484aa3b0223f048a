"""What the agent's settings and the controller's answer to the lookup want of the hardware managers and of the API's TLS. Pure."""

import base64
import binascii
import logging

from agent.api.tls import VERSIONS, TlsTerms, is_cipher_list
from agent.errors import SettingError
from agent.hardware.image_rules import ImageRules
from agent.hardware.wishes import CollectWishes, Wishes
from agent.protocol.lookup import LookupConfig
from agent.settings import Settings

log = logging.getLogger(__name__)
_HIGHEST_PRIORITY = 99
"""Of a step while the agent is up (Ironic)."""
_PEM_MARK = "-----BEGIN CERTIFICATE-----"


def wishes_of(settings: Settings, ordered: LookupConfig | None = None) -> Wishes:
    """Return what the settings want, and what the controller ordered.

    Args:
        settings: The agent's.
        ordered: Out of the controller's answer to the lookup; ``None`` = there is none (yet).

    Raises:
        SettingError: ``image_ca`` is no certificate.
    """
    order = ordered or LookupConfig(heartbeat_timeout=0)
    permitted = order.permitted_image_formats
    rules = ImageRules(
        allow_unverified=settings.allow_unverified_images,
        allow_md5=settings.allow_md5_images or order.agent_md5_checksum_enable,
        folders=_words(settings.image_folders),
        insecure_registries=_words(settings.insecure_registries),
        ca_files=tuple(filter(None, (settings.ca_file, settings.image_ca_file))),
        ca_pem=_pem(settings.image_ca),
        verify_tls=not settings.image_insecure,
        stall_timeout_s=settings.image_stall_timeout_s,
        stall_least_bytes=settings.image_stall_bytes,
        verify=settings.image_verify,
        config_drive_rebuild=settings.config_drive_rebuild,
        formats=ImageRules().formats if permitted is None else tuple(permitted),
        check_format=not order.disable_deep_image_inspection,
        tls_min_version=tls_terms(settings, order).min_version,
    )
    collecting = CollectWishes(
        lldp_timeout_s=settings.lldp_timeout_s, benchmarks=_words(settings.inspection_benchmarks)
    )
    return Wishes(
        images=rules,
        skip_bmc=order.agent_skip_bmc_detect,
        collecting=collecting,
        containers=order.agent_containers,
        inject_files_priority=min(settings.inject_files_priority, _HIGHEST_PRIORITY),
        bios_bootloader=order.enable_bios_bootloader_install,
        disable_bootc=settings.disable_bootc_deploy,
        ignore_bootloader_failure=settings.ignore_bootloader_failure,
    )


def tls_terms(settings: Settings, ordered: LookupConfig | None = None) -> TlsTerms:
    """Return what TLS connections need: the stricter version of settings and controller, and the controller's ciphers if usable.

    What the controller orders and nobody knows is told in the log and not followed; the agent serves all the same.
    """
    wanted = (ordered and ordered.tls_min_version) or settings.tls_min_version
    if wanted not in VERSIONS:
        log.warning(
            "tls_min_version of the controller is unknown; the ramdisk's own counts",
            extra={
                "ordered": wanted,
                "known": ", ".join(VERSIONS),
                "used": settings.tls_min_version,
            },
        )
        wanted = settings.tls_min_version
    version = max(wanted, settings.tls_min_version)
    for origin, suites in (
        ("controller", ordered and ordered.tls_cipher_suites),
        ("ramdisk", settings.tls_cipher_suites),
    ):
        if suites and is_cipher_list(suites):
            return TlsTerms(min_version=version, cipher_suites=suites)
        if suites:
            log.warning(
                "tls_cipher_suites name no cipher that OpenSSL knows; they are not used",
                extra={"of": origin, "ordered": suites},
            )
    return TlsTerms(min_version=version)


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
