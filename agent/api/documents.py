"""The root documents of the agent API; names and shapes are Ironic's (agent API v1)."""

from typing import Any

_DOCUMENTATION = "https://docs.openstack.org/ironic-python-agent"


def version_document(root_url: str) -> dict[str, Any]:
    """Return the entry for version 1; ``root_url`` without a slash at its end."""
    return {
        "id": "v1",
        "links": [
            {"href": f"{root_url}/v1", "rel": "self"},
            {"href": f"{_DOCUMENTATION}/v1", "rel": "describedby", "type": "text/html"},
        ],
    }


def root_document(root_url: str) -> dict[str, Any]:
    """Return the body of ``GET /``."""
    version = version_document(root_url)
    return {
        "name": "OpenStack Ironic Python Agent API",
        "description": "Ingot's agent, which speaks the API of the OpenStack Ironic Python Agent.",
        "versions": [version],
        "default_version": version,
    }


def v1_document(root_url: str) -> dict[str, Any]:
    """Return the body of ``GET /v1/``."""
    return {
        **version_document(root_url),
        "commands": _collection(root_url, "commands"),
        "status": _collection(root_url, "status"),
        "media_types": [
            {
                "base": "application/json",
                "type": "application/vnd.openstack.ironic-python-agent.v1+json",
            }
        ],
    }


def _collection(root_url: str, name: str) -> list[dict[str, str]]:
    return [
        {"href": f"{root_url}/v1/{name}", "rel": "self"},
        {"href": f"{root_url}/{name}", "rel": "bookmark"},
    ]
