"""What a deployment gets, from the words of the command line. Reads files and asks nobody."""

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.client.errors import ClientError

_CHECKSUM = re.compile(r"(?P<algorithm>sha256|sha512):(?P<value>.+)", re.IGNORECASE)
_IS_LINK = re.compile(r"https?://", re.IGNORECASE)
UNSET = ("image_checksum", "image_os_hash_algo", "image_os_hash_value")
"""Keys of an earlier image that would contradict this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstBoot:
    """What the deployed system learns on its first boot; ``None`` = nothing of the kind."""

    config_drive: Path | None = None
    user_data: Path | None = None
    ssh_keys: tuple[Path, ...] = ()
    hostname: str | None = None


def image_keys(image: str, checksum: str | None) -> dict[str, str]:
    """Return the keys of ``instance_info`` for an image.

    Raises:
        ClientError: The checksum has no form that is known, or there is none for an address.
    """
    if checksum is None:
        if ":" in image:
            raise ClientError(
                "--checksum is missing: only images of the controller's store (ingot image list) have one of their own"
            )
        return {"image_source": image}
    if named := _CHECKSUM.fullmatch(checksum):
        return {
            "image_source": image,
            "image_os_hash_algo": named["algorithm"].lower(),
            "image_os_hash_value": named["value"],
        }
    if _IS_LINK.match(checksum):
        return {"image_source": image, "image_checksum": checksum}
    raise ClientError(
        f"--checksum {checksum}: wanted is sha256:<hexadecimal>, sha512:<hexadecimal> or the URL of a checksum file"
    )


def config_drive(first: FirstBoot) -> str | dict[str, Any] | None:
    """Return the ``configdrive`` argument: a file's base64, an object, or ``None`` for nothing.

    Raises:
        ClientError: A file cannot be read, or a ready drive and its parts are both given.
    """
    meta_data: dict[str, Any] = {}
    if first.hostname:
        meta_data["hostname"] = first.hostname
    if first.ssh_keys:
        keys = (_read(file).decode().strip() for file in first.ssh_keys)
        meta_data["public_keys"] = {f"key-{number}": key for number, key in enumerate(keys, 1)}
    parts: dict[str, Any] = {"meta_data": meta_data} if meta_data else {}
    if first.user_data is not None:
        parts["user_data"] = _read(first.user_data).decode()
    if first.config_drive is None:
        return parts or None
    if parts:
        raise ClientError(
            "--config-drive is a finished drive; leave --user-data, --ssh-key and --hostname out"
        )
    content = _read(first.config_drive)
    is_binary = b"\0" in content or content.startswith(b"\x1f\x8b")
    return base64.b64encode(content).decode() if is_binary else content.decode().strip()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ClientError(f"{file}: {error.strerror}") from error
