"""Makes config drives: what the deployed system's cloud-init reads on its first boot.

Format: OpenStack's config drive, version 2 (``openstack/latest/*.json`` on an ISO 9660 file system with
label ``config-2``), gzip-compressed and base64-encoded as the agent expects it. The only place of the
controller that runs ``genisoimage``.
"""

import json
import shutil
import subprocess  # noqa: TID251  # a narrow door: genisoimage only, words only, no shell
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.protocol.config_drive import MAX_BYTES, pack, packed
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url, is_web_address
from controller.errors import ControllerError, Invalid, TemporaryError

_PROGRAM = "genisoimage"
_FILES = {"meta_data": "meta_data.json", "network_data": "network_data.json"}
_KEYS = frozenset({"meta_data", "network_data", "user_data", "vendor_data"})


def is_program_installed() -> bool:
    """Say whether config drives can be made from dictionaries here."""
    return shutil.which(_PROGRAM) is not None


def build_config_drive(
    value: str | Mapping[str, Any], *, node_uuid: str, node_name: str | None, timeout_s: float
) -> str:
    """Return the config drive as the agent takes it: base64 of a gzip-compressed ISO, or a URL.

    Args:
        value: A URL (returned encoded), text with a filesystem (returned as base64 of gzip), or a dictionary with ``meta_data``,
            ``network_data``, ``user_data`` (text or a dictionary) and ``vendor_data``.
        node_uuid: Default of ``meta_data.uuid``.
        node_name: Default of ``meta_data.name``; ``None`` = the UUID.
        timeout_s: Longest time for making the ISO.

    Raises:
        Invalid: The value is none of these.
        ControllerError: The ISO cannot be made, or not in time.
    """
    if isinstance(value, str):
        return _checked_text(value)
    _check_parts(value)
    defaults = {"uuid": node_uuid, "name": node_name or node_uuid}
    meta_data = {**defaults, **(value.get("meta_data") or {})}
    iso = _make_iso({**value, "meta_data": meta_data}, timeout_s)
    if len(iso) > MAX_BYTES:
        raise Invalid(f"configdrive makes an image of {len(iso)} bytes, more than {MAX_BYTES}")
    return pack(iso)


def check_config_drive(value: Any) -> None:
    """Check what :func:`build_config_drive` would take; runs no program.

    Raises:
        Invalid: It is none of these.
    """
    if isinstance(value, str):
        _checked_text(value)
    else:
        _check_parts(value)


def _check_parts(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise Invalid(f"configdrive must be text or an object, not {type(value).__name__}")
    unknown = sorted(map(str, set(value) - _KEYS))
    if unknown:
        raise Invalid(
            f"configdrive has unknown keys: {', '.join(unknown)}; possible: {', '.join(sorted(_KEYS))}"
        )
    for key in sorted(set(value) - {"user_data"}):
        if not isinstance(value[key], Mapping | None):
            raise Invalid(f"configdrive.{key} is no object")
    if isinstance(text := value.get("user_data"), str):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Invalid("configdrive.user_data has letters that are no Unicode") from error


def _checked_text(value: str) -> str:
    if "://" in value:
        return _checked_url(value)
    try:
        return packed(value)
    except Refusal as error:
        raise Invalid(f"configdrive: {error}") from error


def _checked_url(value: str) -> str:
    if not is_web_address(value):
        raise Invalid("configdrive is a URL of a kind that agents cannot fetch; use http or https")
    try:
        return encode_url(value)
    except Refusal as error:
        raise Invalid(f"configdrive: {error}") from error


def _make_iso(parts: Mapping[str, Any], timeout_s: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="ingot-config-drive-") as name:
        tree, iso = Path(name, "tree"), Path(name, "drive.iso")
        folder = tree / "openstack" / "latest"
        folder.mkdir(parents=True)
        for key, file_name in _FILES.items():
            if parts.get(key) is not None:
                folder.joinpath(file_name).write_text(json.dumps(parts[key]))
        if parts.get("vendor_data") is not None:
            folder.joinpath("vendor_data.json").write_text(json.dumps(parts["vendor_data"]))
        if parts.get("user_data") is not None:
            user_data = parts["user_data"]
            text = user_data if isinstance(user_data, str) else json.dumps(user_data)
            folder.joinpath("user_data").write_text(text)
        _run_genisoimage(tree, iso, timeout_s)
        return iso.read_bytes()


def _run_genisoimage(tree: Path, iso: Path, timeout_s: float) -> None:
    words = [_PROGRAM, "-quiet", "-o", str(iso), "-ldots", "-allow-lowercase", "-allow-multidot"]
    words += ["-l", "-publisher", "ingot", "-J", "-r", "-V", "config-2", str(tree)]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise ControllerError(
            f"a config drive cannot be made from a dictionary: {_PROGRAM} is not installed on the "
            "controller; install the package genisoimage, or pass the config drive as base64"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TemporaryError(
            f"{_PROGRAM} did not end within {timeout_s:g} s: the controller's machine is too busy, or its disk is; ask "
            "again, raise config_drive_timeout_s, or pass the config drive as base64"
        ) from error
    if done.returncode != 0:
        raise ControllerError(
            f"{_PROGRAM} ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        )
