"""What an installation is refused for before the disk is touched, and the words of the programs that carry it out. Pure.

Source: bootc's manual pages (``bootc-install-to-disk(8)``), its source for the sizes of what it puts before the root partition, and
podman's (``podman-pull(1)``, ``podman-run(1)``).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ImageError
from agent.protocol.bootc import BootcOrder
from agent.protocol.foreign_text import clean_line

MIB = 1 << 20
PODMAN = ("podman", "--log-level=error")
"""Its warnings are of networks that nothing here has, at every call."""
KEPT_FREE_BYTES = 192 * MIB
"""Memory that the image's storage leaves to the agent, to podman and to bootc."""
STORAGE_INSIDE = "/var/lib/containers/storage"
"""Where bootc looks for the image that it is started from."""
KEYS_INSIDE = "/run/ingot-bootc"
_KEYS_FILE = "authorized_keys"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Processors that containers call otherwise than the kernel; the others have one name."""
_BESIDE_ROOT_MIB = 768
"""For ESP (512 MiB), BIOS boot partition, config drive and alignment; the figure is that of Ironic's agent."""
_BOOT_MIB = 512
"""More than the /boot (510 MiB) that an encrypted root filesystem gets beside it."""
_LEAST_ROOT_MIB = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is known of this machine; ``architecture`` as ``uname -m`` has it, ``available_bytes`` of memory (``None`` = not known)."""

    architecture: str
    boot_mode: str
    available_bytes: int | None
    has_tpm2: bool
    has_selinux: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """How podman reaches the registry; ``certificates`` is a folder of further authorities, ``None`` = there are none."""

    auth_file: Path
    is_verified: bool
    certificates: Path | None = None


def check_machine(order: BootcOrder, machine: Machine, disk_bytes: int, packed_bytes: int) -> None:
    """Refuse what cannot come to a good end, while nothing is pulled.

    Args:
        order: What is installed.
        machine: Where.
        disk_bytes: Size of the disk.
        packed_bytes: Size of the image's layers as they travel: unpacked they are larger, so that this is the least.

    Raises:
        ImageError: Says what is missing.
    """
    if order.has_tpm2_luks and not machine.has_tpm2:
        raise ImageError(
            f"{order.source}: bootc_tpm2_luks is asked for, and this machine shows no TPM 2.0; switch it on in the firmware, or"
            " deploy without it"
        )
    room_bytes = storage_bytes(machine)
    if room_bytes is not None and packed_bytes > room_bytes:
        raise ImageError(
            f"{order.source}: its layers have {packed_bytes} bytes, packed, and are unpacked in memory, of which"
            f" {max(room_bytes, 0)} bytes are free for them; use a machine with more memory, or a smaller image"
        )
    if packed_bytes > disk_bytes:
        raise ImageError(
            f"{order.source}: its layers have {packed_bytes} bytes, packed, the disk has {disk_bytes}; use a larger disk"
        )
    _root_mib(order, disk_bytes)


def storage_bytes(machine: Machine) -> int | None:
    """Return how much memory the image may take; ``None`` = not known."""
    if machine.available_bytes is None:
        return None
    return machine.available_bytes - KEPT_FREE_BYTES


def check_image(
    order: BootcOrder, architecture: str, size_bytes: int, machine: Machine, disk_bytes: int
) -> None:
    """Refuse an image that was pulled and cannot be installed here.

    Args:
        order: What is installed.
        architecture: The image's, as containers call it.
        size_bytes: Its size unpacked.
        machine: Where.
        disk_bytes: Size of the disk.

    Raises:
        ImageError: It is for another processor, or too large.
    """
    wanted = _ARCHITECTURES.get(machine.architecture, machine.architecture)
    if architecture != wanted:
        raise ImageError(
            f"{order.source}: is for {clean_line(architecture, 80) or 'an unnamed processor'}, this machine is {wanted}; push"
            " an image for it"
        )
    if size_bytes > disk_bytes:
        raise ImageError(
            f"{order.source}: has {size_bytes} bytes unpacked, the disk has {disk_bytes}; use a larger disk"
        )


def auth_document(order: BootcOrder) -> str:
    """Return podman's file of logins; without one it is empty, so that no other file counts."""
    auths = {} if order.login is None else {order.registry: {"auth": order.login.packed}}
    return json.dumps({"auths": auths})


def pull_words(pinned: str, registries: Registries) -> tuple[str, ...]:
    """Return the words that pull the image; no secret is among them."""
    certificates = registries.certificates
    return (
        *(*PODMAN, "pull", f"--authfile={registries.auth_file}"),
        *(() if registries.is_verified else ("--tls-verify=false",)),
        *(() if certificates is None else (f"--cert-dir={certificates}",)),
        pinned,
    )


def version_words(pinned: str, id_file: Path) -> tuple[str, ...]:
    """Return the words that ask the image's bootc for its version, in a container that reaches nothing."""
    return (
        *(*PODMAN, "run", "--rm", "--pull=never", "--network=none", "--read-only"),
        *(f"--cidfile={id_file}", "--entrypoint=bootc", pinned, "--version"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Paths of the ramdisk: podman's storage, a file for the container's number, and a folder with the keys (``None`` = there are none).

    ``group`` is the control group in which the container gets its own.
    """

    storage: Path
    id_file: Path
    group: str
    keys: Path | None = None

    @property
    def keys_file(self) -> Path | None:
        """The file that holds the keys."""
        return None if self.keys is None else self.keys / _KEYS_FILE


def install_words(
    order: BootcOrder, pinned: str, disk: Path, disk_bytes: int, machine: Machine, places: Places
) -> tuple[str, ...]:
    """Return the words that have the image install itself.

    podman wants a control group for a container that sees the host's processes; it is one that ends with the agent's own. What has to be
    privileged is so by bootc's nature: it partitions the disk, makes file systems and mounts them, and asks podman of the
    ramdisk by way of process 1. The network is not needed and not given. bootc is told the name with the tag, under which the system will
    look for updates.
    """
    root_mib = _root_mib(order, disk_bytes)
    keys = places.keys
    return (
        *(*PODMAN, "run", "--rm", "--privileged", "--pid=host", "--pull=never"),
        *("--cgroups=enabled", f"--cgroup-parent={places.group}", "--pids-limit=-1"),
        "--network=none",
        f"--cidfile={places.id_file}",
        *(("--security-opt=label=type:unconfined_t",) if machine.has_selinux else ()),
        *("--volume=/dev:/dev", f"--volume={places.storage}:{STORAGE_INSIDE}"),
        *(() if keys is None else (f"--volume={keys}:{KEYS_INSIDE}:ro",)),
        *("--entrypoint=bootc", pinned, "install", "to-disk", "--wipe", "--skip-fetch-check"),
        *(() if order.reference.digest else (f"--target-imgref={order.name}",)),
        *(() if root_mib is None else (f"--root-size={root_mib}M",)),
        *(("--block-setup=tpm2-luks",) if order.has_tpm2_luks else ()),
        *(() if keys is None else (f"--root-ssh-authorized-keys={KEYS_INSIDE}/{_KEYS_FILE}",)),
        *(() if machine.has_selinux else ("--disable-selinux",)),
        str(disk),
    )


def _root_mib(order: BootcOrder, disk_bytes: int) -> int | None:
    """Return the size of the root partition that leaves room for a config drive; ``None`` = all that is left.

    Raises:
        ImageError: The disk is too small.
    """
    if order.configdrive is None:
        return None
    beside = _BESIDE_ROOT_MIB + (_BOOT_MIB if order.has_tpm2_luks else 0)
    root_mib = disk_bytes // MIB - beside
    if root_mib < _LEAST_ROOT_MIB:
        raise ImageError(
            f"{order.source}: a disk of {disk_bytes} bytes has no room for a root partition beside boot partitions and config"
            f" drive, which take {beside} MiB; use a larger disk"
        )
    return root_mib
