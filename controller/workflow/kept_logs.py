"""Keeps the logs of a ramdisk that failed, as evidence."""

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

from agent.protocol.known_secrets import KnownSecrets
from controller.errors import StepFailed
from controller.settings import Settings
from controller.workflow.masked_logs import masked_logs

_MOST_BYTES = 64 * 1024 * 1024
_MOST_ARCHIVES = 10
"""Of a node; a machine that fails again and again does not fill the disk."""


def keep_logs(
    settings: Settings,
    node_uuid: str,
    title: str,
    logs: object,
    at: float,
    *,
    secrets: KnownSecrets,
) -> Path:
    """Store ``logs`` below ``<state_directory>/logs/<node>/`` and return the file; of a node the newest ten are kept.

    Args:
        settings: The controller's.
        node_uuid: The node.
        title: What happened, for the file's name: ``"deploy failed"``.
        logs: A gzip-compressed tar archive in base64, as agents send it.
        at: Seconds since the epoch.
        secrets: What must not stand in them.

    Raises:
        StepFailed: These are no logs, or too many.
        OSError: The file cannot be written.
    """
    if not isinstance(logs, str):
        raise StepFailed("the agent's answer has no system_logs")
    try:
        content = base64.b64decode(logs)
    except ValueError as error:
        raise StepFailed(f"system_logs is not base64: {error}") from error
    if len(content) > _MOST_BYTES:
        raise StepFailed(f"{len(content)} bytes are more than the {_MOST_BYTES} that are kept")
    content = masked_logs(content, secrets)
    folder = Path(settings.state_directory) / "logs" / node_uuid
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{moment}-{title.replace(' ', '-')}.tar.gz"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(path, flags, mode=0o600), "wb") as file:
        file.write(content)
    _remove_old(folder, path)
    return path


def _remove_old(folder: Path, new: Path) -> None:
    """Remove all but the newest archives, whose names begin with their time, and the ``new`` one, whatever the clock says."""
    others = sorted(path for path in folder.glob("*.tar.gz") if path != new)
    for path in others[: 1 - _MOST_ARCHIVES]:
        path.unlink(missing_ok=True)  # another thread may have been quicker
