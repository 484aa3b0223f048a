"""Turns the operator's rules into the settings of the image writer."""

import logging
import ssl
from pathlib import Path

from agent.errors import SettingError
from agent.hardware.image_rules import ImageRules
from agent.images.preparation import WriterSettings
from agent.images.proof.witness import Verification
from agent.images.sources.opening import SourceRules

log = logging.getLogger(__name__)


def writer_settings(rules: ImageRules) -> WriterSettings:
    """Return the writer's settings under ``rules``.

    Raises:
        SettingError: A certificate of the rules cannot be read.
    """
    return WriterSettings(
        allow_md5=rules.allow_md5,
        allow_unverified=rules.allow_unverified,
        stall_timeout_s=rules.stall_timeout_s,
        stall_least_bytes=rules.stall_least_bytes,
        sources=SourceRules(
            folders=tuple(map(Path, rules.folders)),
            insecure_registries=rules.insecure_registries,
        ),
        tls=tls_context(rules),
        verify=Verification(rules.verify),
        config_drive_rebuild=rules.config_drive_rebuild,
        formats=rules.formats if rules.check_format else None,
    )


def tls_context(rules: ImageRules) -> ssl.SSLContext:
    """Return how image servers are verified.

    Raises:
        SettingError: A certificate of the rules cannot be read.
    """
    context = ssl.create_default_context()
    if rules.tls_min_version == "1.3":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not rules.verify_tls:
        log.warning("the certificates of image servers are not verified (image_insecure)")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    for file in rules.ca_files:
        try:
            context.load_verify_locations(cafile=file)
        except OSError as error:  # ssl.SSLError is one, too
            reason = error.strerror or str(error)
            raise SettingError(
                f"{file}: cannot be read as certificates for image servers: {reason}"
            ) from error
    if rules.ca_pem:
        try:
            context.load_verify_locations(cadata=rules.ca_pem)
        except ssl.SSLError as error:
            raise SettingError(f"image_ca: not a usable certificate: {error.reason}") from error
    return context
