"""Lookup and heartbeat (Ironic API v1, ``/v1/lookup`` and ``/v1/heartbeat``).

Replies come from a foreign peer as well as from our controller: unknown keys are ignored, wrong types are errors.
"""

from typing import Any

import msgspec

LOOKUP_VERSION = "1.62"
"""Microversion that the agent sends with a lookup (first one with agent tokens)."""
HEARTBEAT_VERSION = "1.68"
"""Microversion that the agent sends with a heartbeat (first one with ``agent_verify_ca``)."""
STATUS_VERSION = "1.72"
"""Microversion of a heartbeat with ``agent_status``."""
ENDS = "end"
"""``agent_status`` of an agent that starts another system in its place. Ironic knows the word of other deployments, and orders no such start."""
MASKED_TOKEN = "******"  # noqa: S105  # the protocol's marker for "already handed out"


class LookupNode(msgspec.Struct, frozen=True, kw_only=True):
    """The node as a lookup shows it."""

    uuid: str
    properties: dict[str, Any] = {}
    instance_info: dict[str, Any] = {}
    driver_internal_info: dict[str, Any] = {}


class LookupConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that the server gives the agent; ``heartbeat_timeout`` in seconds."""

    heartbeat_timeout: int
    agent_token: str | None = None
    agent_token_required: bool = False
    agent_md5_checksum_enable: bool = False
    disable_deep_image_inspection: bool = False
    permitted_image_formats: list[str] | None = None
    """``None`` = the server does not say."""
    agent_skip_bmc_detect: bool = False
    enable_bios_bootloader_install: bool = False
    tls_min_version: str | None = None
    tls_cipher_suites: str | None = None
    metrics: dict[str, Any] = {}
    metrics_statsd: dict[str, Any] = {}
    agent_containers: dict[str, Any] = {}


class LookupResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a successful ``GET /v1/lookup``."""

    node: LookupNode
    config: LookupConfig


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of ``POST /v1/heartbeat/<uuid>``; success is 202 only."""

    callback_url: str
    agent_token: str | None = None
    agent_version: str | None = None
    agent_verify_ca: str | None = None
    agent_status: str | None = None
    agent_status_message: str | None = None
