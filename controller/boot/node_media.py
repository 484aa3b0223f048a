"""The media of a node: under which address its BMC or its firmware fetches them, and what is in them."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.protocol.web_address import is_web_address
from controller.boot.answer import Ramdisk
from controller.boot.bios_cd import find_bios_boot
from controller.boot.boot_image import (
    BootImage,
    Content,
    plan_boot_image,
    plan_data_image,
    stored,
)
from controller.boot.files import find_boot_file, find_boot_iso, find_instance_file
from controller.boot.loaders import DISK_GRUB, SHIM, find_loader
from controller.boot.machines import ramdisk_told
from controller.boot.medium_script import medium_script, medium_words, parameters, token_overlay
from controller.boot.urls import MEDIA_PATH, public_url
from controller.errors import Invalid, NotFound
from controller.hardware.boot_target import KEY, BootTarget
from controller.settings import Settings
from controller.states import RESCUED
from controller.store.tables import Node

MEDIUM = "boot_medium"
"""Key of ``driver_internal_info``: how the ramdisk comes to the machine (:class:`Way`) while it is not by its network alone."""
HAS_TOKEN = "agent_secret_token_pregenerated"  # noqa: S105  # the name of a key
"""Key of ``driver_internal_info``, Ironic's name: the agent finds its token on its medium, so nobody is told it who looks a node up."""
BOOT_ISO, SETTINGS_ISO = "boot.iso", "settings.iso"
EXTERNAL_URL = "external_http_url"
"""Key of ``driver_info``: this controller as the node's BMC sees it."""
_BOOT_LABEL, _SETTINGS_LABEL = "VMEDIA_BOOT_ISO", "IR-VFD-DEV"
"""Names by which ramdisks know the media, Ironic's and ours."""
_NETWORK_DATA = "openstack/latest/network_data.json"
_KERNEL, _RAMDISK, _OVERLAY = "VMLINUZ", "INITRD", "TOKEN.CPI"
_REQUESTS = uuid.UUID("6d6f5a7e-5b0c-4c1c-9d55-0a3f6c1b7e21")


def media_url(node: Node, settings: Settings, name: str) -> str:
    """Return where a BMC or a firmware fetches a medium of the node: nobody can guess it, and it ends with the boot.

    Raises:
        Invalid: ``driver_info/external_http_url`` is no web address, or nobody has said by which address machines reach the controller.
    """
    return f"{base_url_of(node, settings)}{MEDIA_PATH}/{node.uuid}/{media_key(node)}/{name}"


def base_url_of(node: Node, settings: Settings) -> str:
    """Return this controller as the node's BMC sees it; raises as :func:`media_url`."""
    own = node.driver_info.get(EXTERNAL_URL)
    if own:
        if not isinstance(own, str) or not is_web_address(own):
            raise Invalid(
                f"driver_info/{EXTERNAL_URL} is {str(own)[:200]!r}; give the controller's URL as the BMC sees it, for example"
                " http://192.0.2.1:6385"
            )
        return own.rstrip("/")
    url = public_url(settings)
    if urlsplit(url).hostname in {"0.0.0.0", "::"}:  # what is refused
        raise Invalid(
            "boot media need the controller's address as BMCs and machines see it; set public_url, for example http://192.0.2.1:6385"
        )
    return url


def media_key(node: Node) -> str | None:
    """Return the part of the address that nobody can guess; ``None`` = the node boots no medium now."""
    has_token = node.driver_internal_info.get(HAS_TOKEN)
    secret = node.agent_secret if has_token else node.boot_key
    if not secret or not node.driver_internal_info.get(MEDIUM):
        return None
    return hmac.new(secret.encode(), node.uuid.encode(), hashlib.sha256).hexdigest()


def has_token_in(node: Node, settings: Settings, name: str) -> bool:
    """Say whether a medium of the node has the agent's token inside; a ready image has not.

    Raises:
        Invalid: There is no ready image under its name.
    """
    has_token = bool(node.driver_internal_info.get(HAS_TOKEN))
    return has_token and (name == SETTINGS_ISO or own_iso(node, settings) is None)


def boots_live_image(node: Node) -> bool:
    """Say whether what the node boots from a medium is its instance."""
    return bool(node.driver_internal_info.get(KEY) == BootTarget.INSTANCE_ISO)


def own_iso(node: Node, settings: Settings) -> str | Path | None:
    """Return the ready image that the node boots, an address or a file; ``None`` = one is made.

    Raises:
        Invalid: There is none under its name.
    """
    if boots_live_image(node):
        live = find_instance_file("boot_iso", node.instance_info, settings)
        return live.url or live.path
    is_rescue = node.provision_state in RESCUED
    found = find_boot_iso(node.driver_info, settings, is_rescue=is_rescue)
    return (found.url or found.path) if found else None


def boot_image(node: Node, settings: Settings) -> BootImage:
    """Plan the image that the node's machine boots.

    Raises:
        Invalid: A file cannot be read, or an argument cannot stand in GRUB's script.
        NotFound: The loaders are not installed.
    """
    base_url = public_url(settings)
    ramdisk = _ramdisk(node, settings)
    token = node.agent_secret if node.driver_internal_info.get(HAS_TOKEN) else None
    is_virtual = token is not None
    words = medium_words(ramdisk, base_url, is_virtual=is_virtual)
    initrds = [f"/{name}" for name in (_RAMDISK, *((_OVERLAY,) if token else ()))]
    label = f"{node.name} ({node.uuid})" if node.name else node.uuid
    script = medium_script(label, words, f"/{_KERNEL}", initrds)
    files: list[tuple[str, str, Content]] = [
        ("boot/grub/grub.cfg", "BOOT/GRUB/GRUB.CFG", script.encode("ascii")),
        (".disk/info", "DISK/INFO", b"Ingot\n"),  # what the signed GRUB looks for on a CD
        *_loaders(settings),
        (_KERNEL, _KERNEL, _file("kernel", node, settings)),
        (_RAMDISK, _RAMDISK, _file("ramdisk", node, settings)),
    ]
    if token:
        files.append((_OVERLAY, _OVERLAY, token_overlay(token)))
        files.append(("parameters.txt", "PARAMS.TXT", parameters([f"ipa-agent-token={token}"])))
    if is_virtual and node.network_data:
        files.append((_NETWORK_DATA, "NETDATA.JSN", _json(node.network_data)))
    bios = find_bios_boot(settings, _BOOT_LABEL)
    if bios is None and not any(name.startswith("EFI") for name, _, _ in files):
        raise NotFound("no boot loaders could be found in the setting grub_directory")
    return plan_boot_image(tuple(files), _BOOT_LABEL, bios)


def settings_image(node: Node, settings: Settings) -> BootImage:
    """Plan the second medium of a machine that boots a ready image: what the agent is to know, by the names of Ironic."""
    base_url = public_url(settings)
    words = medium_words(_ramdisk(node, settings), base_url, is_virtual=True).split()
    ours = [word for word in words if word.startswith(("ipa-", "ingot-"))]
    if node.driver_internal_info.get(HAS_TOKEN) and node.agent_secret:
        ours.append(f"ipa-agent-token={node.agent_secret}")
    files = [("parameters.txt", parameters(ours))]
    if node.network_data:
        files.append((_NETWORK_DATA, _json(node.network_data)))
    return plan_data_image(tuple(files), _SETTINGS_LABEL)


def _ramdisk(node: Node, settings: Settings) -> Ramdisk:
    """Return what the ramdisk is told; the same each time, for a BMC may fetch an image in pieces."""
    request_id = f"req-{uuid.uuid5(_REQUESTS, str(media_key(node)))}"
    return replace(ramdisk_told(node, settings), request_id=request_id)


def _file(kind: str, node: Node, settings: Settings) -> Content:
    is_rescue = node.provision_state in RESCUED
    path = find_boot_file(kind, node.driver_info, settings, is_rescue=is_rescue).path
    if path is None:
        raise Invalid(f"the {kind} is on a web server, and an image is made of files")
    return stored(path)


def _loaders(settings: Settings) -> list[tuple[str, str, Content]]:
    """Return the signed loaders for UEFI; none where they are not installed."""
    found = {
        name: find_loader(loader, settings)
        for name, loader in (("EFI/BOOT/BOOTX64.EFI", SHIM), ("EFI/BOOT/GRUBX64.EFI", DISK_GRUB))
    }
    return [(name, name, stored(path)) for name, path in found.items() if path]


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
