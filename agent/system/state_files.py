"""Small files that outlive the agent's process, not the ramdisk: results, token, certificate.

Every file is for root alone and appears complete or not at all.
"""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``, readable for the owner only; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def read_if_there(path: Path) -> bytes | None:
    """Return the content of the file at ``path``; ``None`` = there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
