"""Which files a node boots: ``driver_info`` before the settings, files of this machine only from folders meant for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.protocol.refusal import Refusal
from agent.protocol.web_address import encode_url, is_web_address
from controller.errors import Invalid, NotFound
from controller.settings import Settings

_SHOWN = 100
"""So many characters of a name are repeated in an error."""
_FILE_SCHEME = "file://"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFile:
    """A kernel or a ramdisk: either a URL that the machine fetches itself, or a file that the controller serves."""

    url: str | None
    path: Path | None


def find_boot_file(
    kind: str, driver_info: dict[str, Any], settings: Settings, *, is_rescue: bool = False
) -> BootFile:
    """Find the kernel or ramdisk of a node.

    Args:
        kind: ``kernel`` or ``ramdisk``.
        driver_info: The node's; its ``deploy_kernel``/``deploy_ramdisk`` wins over the setting of the same name.
        settings: The controller's.
        is_rescue: The machine is to be rescued: ``rescue_kernel``/``rescue_ramdisk`` of ``driver_info`` come before all others.

    Raises:
        Invalid: Nothing is set, or it is neither an http(s) URL nor a readable file in an allowed folder.
    """
    key = f"deploy_{kind}"
    own = driver_info.get(key)
    if is_rescue and driver_info.get(f"rescue_{kind}"):
        key = f"rescue_{kind}"
        own = driver_info[key]
    source = f"driver_info/{key}" if own else f"the setting {key}"
    value = str(own or getattr(settings, key))
    if not value:
        raise Invalid(
            f"no {key}: set driver_info/{key} of the node or the setting {key}, to a path or a URL"
        )
    return _found(value, source, settings, is_own=bool(own))


def find_boot_iso(
    driver_info: Mapping[str, Any], settings: Settings, *, is_rescue: bool = False
) -> BootFile | None:
    """Find the ready image of a node's ramdisk: ``deploy_iso``, for rescues ``rescue_iso`` before it; ``None`` = it names none.

    Raises:
        Invalid: It is neither an http(s) URL nor a readable file in an allowed folder.
    """
    keys = ("rescue_iso", "deploy_iso") if is_rescue else ("deploy_iso",)
    key = next((key for key in keys if driver_info.get(key)), None)
    if key is None:
        return None
    return _found(str(driver_info[key]), f"driver_info/{key}", settings, is_own=True)


def find_instance_file(kind: str, instance_info: Mapping[str, Any], settings: Settings) -> BootFile:
    """Find what an instance boots from the network: ``kernel``, ``ramdisk`` or ``boot_iso`` of ``instance_info``.

    Raises:
        Invalid: It is missing, or neither an http(s) URL nor a readable file in an allowed folder.
    """
    source, value = f"instance_info/{kind}", instance_info.get(kind)
    if not value or not isinstance(value, str):
        raise Invalid(
            f"{source} is missing; give an http(s) URL, or a path on the controller's machine"
        )
    return _found(value, source, settings, is_own=True)


def _found(value: str, source: str, settings: Settings, *, is_own: bool) -> BootFile:
    """Return a file by its name; ``is_own``: a user of the API has named it."""
    if is_web_address(value):
        return BootFile(url=_encoded(value, source), path=None)
    path = _resolved(_path_of(value, settings))
    if is_own and not value.startswith(("/", _FILE_SCHEME)):
        message = (
            f"{source} is {value!r}; give an http(s) URL or a path of the controller's machine"
        )
        raise Invalid(message)
    if is_own and path:
        _refuse_foreign_folder(path, source, settings)
    if path is None or find_file(path) is None:
        shown = value.removeprefix(_FILE_SCHEME)[:_SHOWN]
        raise Invalid(f"{source}: there is no file {shown} on the controller's machine")
    _require_readable(path, source)
    return BootFile(url=None, path=path)


def find_image(name: str, settings: Settings) -> Path:
    """Return the file behind ``/images/<name>``.

    Raises:
        NotFound: No folder is served, or it has no such file; links that lead out of it do not count.
    """
    if settings.image_directory:
        folder = _path_of(settings.image_directory, settings).resolve()
        path = find_file(folder / name)
        if path and path.is_relative_to(folder):
            return path
    raise NotFound(f"image {name[:_SHOWN]!r} could not be found in the setting image_directory")


def find_file(path: Path) -> Path | None:
    """Return the file behind links; ``None`` = there is none, or none can have this name."""
    found = _resolved(path)
    try:
        return found if found and found.is_file() else None
    except OSError:  # a name that is too long, a folder that is not ours to read
        return None


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, links in a circle
        return None


def _encoded(url: str, source: str) -> str:
    try:
        return encode_url(url)
    except Refusal as error:
        raise Invalid(f"{source}: {error}") from error


def _require_readable(path: Path, source: str) -> None:
    if not os.access(path, os.R_OK):
        raise Invalid(f"{source}: the controller may not read {path}; change its mode or owner")
    if not path.stat().st_size:
        raise Invalid(f"{source}: {path} is empty; copy it again")


def _path_of(value: str, settings: Settings) -> Path:
    """Return a setting's path; relative ones are below the state directory."""
    return Path(settings.state_directory) / value.removeprefix(_FILE_SCHEME)


def _refuse_foreign_folder(path: Path, source: str, settings: Settings) -> None:
    """A user of the API may choose among boot files, not publish any file of the controller's machine."""
    configured = (settings.deploy_kernel, settings.deploy_ramdisk)
    folders = {
        _path_of(value, settings).parent.resolve()
        for value in configured
        if value and not is_web_address(value)
    }
    if settings.image_directory:
        folders.add(_path_of(settings.image_directory, settings).resolve())
    if not any(path.is_relative_to(folder) for folder in folders):
        allowed = ", ".join(sorted(map(str, folders))) or "none; set image_directory"
        message = (
            f"{source}: {path} is outside of the folders that boot files may come from ({allowed})"
        )
        raise Invalid(message)
