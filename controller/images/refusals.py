"""The shared rules' refusals in the words of a node's ``instance_info``. Pure."""

from agent.protocol.refusal import Refusal
from controller.errors import Invalid

_NAMES = {
    "urls": "image_source",
    "checksum": "image_checksum",
    "os_hash_algo": "image_os_hash_algo",
    "os_hash_value": "image_os_hash_value",
    "disk_format": "image_disk_format",
    "container_format": "image_container_format",
    "root_mb": "root_gb",
    "ephemeral_mb": "ephemeral_gb",
}
"""Fields of the agent's ``image_info`` that are made of another key."""
_ELSEWHERE = {
    "proxies": "driver_info.image_http_proxy or image_https_proxy",
    "image_request_authorization": "instance_info.image_pull_secret",
    "deploy_boot_mode": "the capability boot_mode",
    "disk_label": "the capability disk_label",
}


def invalid(error: Refusal) -> Invalid:
    """Return the error for the client, with the name of the value that it knows."""
    if not error.field:
        return Invalid(f"instance_info: {error}")
    if "." in error.field:
        return Invalid(f"{error.field}: {error}")
    name = _NAMES.get(error.field, error.field)
    return Invalid(f"{_ELSEWHERE.get(error.field) or f'instance_info.{name}'}: {error}")
