"""A lab machine as a node of the controller: the same few requests for every end-to-end test."""

import hashlib
import time
from pathlib import Path

from tests.lab.api_client import ApiClient, Document
from tests.lab.demo.keys import SshKey
from tests.lab.demo.road import Image, read_checksum
from tests.lab.errors import LabError
from tests.lab.hardware import BmcKind
from tests.lab.lab import Lab
from tests.lab.machine import Machine

BUILD = Path(__file__).resolve().parents[2] / "build"
OS_IMAGE = BUILD / "os-image/debian.qcow2"
_LOOK_S = 0.5
SERIAL_CONSOLE = "console=ttyS0,115200 quiet nofb vga=normal no_timer_check"
"""The last word spares the kernel a check of its timer that emulated machines fail on a busy host, and then stand still."""


def ramdisk_settings(name: str = "ingot") -> dict[str, str]:
    """Return the settings that boot the ramdisk build/ramdisk/<name>.* with its messages on the serial line."""
    return {
        "deploy_kernel": str(BUILD / f"ramdisk/{name}.vmlinuz"),
        "deploy_ramdisk": str(BUILD / f"ramdisk/{name}.initramfs"),
        "kernel_append_params": SERIAL_CONSOLE,
    }


def publish_os_image(lab: Lab) -> Image:
    """Serve the small Debian image and return it with its checksum."""
    return Image(
        url=lab.http.publish(OS_IMAGE.name, OS_IMAGE),
        sha256=read_checksum(OS_IMAGE.with_suffix(".qcow2.sha256")),
    )


def publish_image(lab: Lab, file: Path) -> Image:
    """Serve an image of the test's own."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Image(url=lab.http.publish(file.name, file), sha256=digest)


def enrol(api: ApiClient, machine: Machine, **more: object) -> Document:
    """Create a node with ports for ``machine``; ``more`` adds to its fields."""
    macs = tuple(nic.mac for nic in machine.nics)
    return api.create_node(document_of(machine, **more), macs=macs)


def document_of(machine: Machine, **more: object) -> Document:
    """Return what a node for ``machine`` is created with; ``more`` adds to its fields."""
    document: Document = {
        "name": machine.name,
        **_driver(machine),
        "properties": {
            "capabilities": f"boot_mode:{machine.hardware.firmware.value}",
            "cpu_arch": "x86_64",
        },
    }
    for key, value in more.items():
        if isinstance(value, dict):
            document[key] = {**document.get(key, {}), **value}
        else:
            document[key] = value
    return document


def _driver(machine: Machine) -> Document:
    """Return the hardware type and the login of the machine's BMC: Redfish where it speaks nothing else."""
    if machine.bmc_kind is BmcKind.REDFISH:
        return {"driver": "redfish", "driver_info": redfish_login(machine)}
    ipmi = machine.bmc
    return {
        "driver": "ipmi",
        "driver_info": {
            "ipmi_address": ipmi.address,
            "ipmi_port": ipmi.port,
            "ipmi_username": ipmi.username,
            "ipmi_password": ipmi.password,
        },
    }


def redfish_login(machine: Machine) -> Document:
    """Return what ``driver_info`` says of the machine's Redfish BMC."""
    redfish = machine.redfish
    return {
        "redfish_address": redfish.url,
        "redfish_username": redfish.username,
        "redfish_password": redfish.password,
        "redfish_verify_ca": str(redfish.certificate),
        **({"redfish_system_id": machine.redfish_system} if redfish.count > 1 else {}),
    }


def make_available(api: ApiClient, ident: str, *, clean: bool, timeout_s: float = 600) -> Document:
    """Take an enrolled node to ``available``, with or without cleaning."""
    api.call(
        "PATCH", f"/v1/nodes/{ident}", [{"op": "add", "path": "/automated_clean", "value": clean}]
    )
    api.provision(ident, "manage")
    api.wait_for_state(ident, "manageable", timeout_s=60)
    api.provision(ident, "provide")
    return api.wait_for_state(ident, "available", timeout_s=timeout_s)


def make_deployable(
    api: ApiClient, machine: Machine, image: Image, *, clean: bool = False, **instance_info: object
) -> None:
    """Create a node for ``machine``, take it to ``available``, with cleaning or without, and name the image that it shall get.

    ``instance_info``: what is said of the image besides.
    """
    enrol(api, machine)
    make_available(api, machine.name, clean=clean)
    api.set_image(machine.name, image.url, image.sha256, **instance_info)


def register_image(api: ApiClient, name: str, image: Image, *, timeout_s: float = 300) -> Document:
    """Have the controller's image store fetch an image, and return it when it can be deployed.

    Raises:
        LabError: It fails, or takes longer.
    """
    api.call("POST", "/v1/images", {"name": name, "urls": [image.url]}, ok=201)
    deadline = time.monotonic() + timeout_s
    while True:
        found: Document = api.call("GET", f"/v1/images/{name}")
        if found["status"] == "active":
            return found
        if found["status"] == "failed" or time.monotonic() > deadline:
            raise LabError(f"image {name} is {found['status']}: {found['last_error']}")
        time.sleep(_LOOK_S)


def config_drive(hostname: str, key: SshKey) -> Document:
    """Return a config drive as a dictionary, as clients send it."""
    return {
        "meta_data": {
            "uuid": "8d1f2f9e-6f5c-4f0c-a3a5-1c3b4d5e6f70",
            "hostname": hostname,
            "name": hostname,
            "public_keys": {"lab": key.public},
        }
    }


def failure_of(api: ApiClient, ident: str, state: str, *, timeout_s: float) -> str:
    """Wait until the node rests in the failed ``state`` and return its ``last_error``.

    Raises:
        LabError: It rests elsewhere, or explains nothing.
    """
    rested = api.wait_for_rest(ident, timeout_s=timeout_s)
    if rested["provision_state"] != state:
        raise LabError(
            f"node {ident} is {rested['provision_state']!r}, not {state!r}: {rested['last_error']}"
        )
    if not rested["last_error"]:
        raise LabError(f"node {ident} is {state!r} and says nothing of why")
    return str(rested["last_error"])
