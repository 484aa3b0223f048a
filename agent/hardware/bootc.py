"""Deploys a bootable container (bootc): what the command ``standby.execute_bootc_install`` and the step of that name both do."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.errors import AgentError, InvalidRequest
from agent.hardware.capabilities import HardwareView
from agent.hardware.root_disk import take_root_disk, told_in_errors
from agent.hardware.tools import ProgressSink
from agent.hardware.writing import InstalledContainer
from agent.protocol.bootc import STEP, BootcOrder, read_order, secrets_of, unpack_secret
from agent.protocol.commands import Progress
from agent.protocol.receipt import Installation
from agent.protocol.refusal import Refusal
from agent.system.stop_signal import StopSignal

log = logging.getLogger(__name__)


def parse_order(
    image_source: Any, instance_info: Any, pull_secret: Any, configdrive: Any
) -> BootcOrder:
    """Return the order in the words of Ironic's agent API.

    Raises:
        InvalidRequest: A value cannot be used; the message names it.
    """
    try:
        return read_order(
            image_source,
            instance_info if isinstance(instance_info, Mapping) else {},
            secret=unpack_secret(pull_secret),
            configdrive=configdrive,
        )
    except Refusal as error:
        raise InvalidRequest(f"{STEP}: {error.field}: {error}") from error


def deploy_container(
    order: BootcOrder,
    node: Mapping[str, Any],
    hardware: HardwareView,
    progress: ProgressSink,
    stop: StopSignal,
) -> dict[str, Any]:
    """Install the container on the root disk of ``node`` and have the firmware boot it.

    Returns:
        The sentence of Ironic's agent below ``result``, and beside it what was found on the disk, which is ours.

    Raises:
        InvalidRequest: The operator wants no such deployments.
        PluginError: There is no podman in this ramdisk.
        AgentError: See :class:`agent.hardware.writing.ContainerInstaller`; no message holds the registry's login.
    """
    if hardware.wishes.disable_bootc:
        raise InvalidRequest(
            f"{STEP}: {order.source} was not installed: bootable containers are switched off by the ramdisk's setting"
            " disable_bootc_deploy"
        )
    installer = hardware.container_installer()
    choice = take_root_disk(node, hardware)
    with told_in_errors(choice), hidden(order):
        installed = installer.install_container(order, choice.disk, progress, stop=stop)
        entries, warnings = _boot_entries(installed, hardware, progress)
    log.info(
        "bootable container installed",
        extra={
            "image": installed.pinned,
            "disk": str(installed.disk.path),
            "boot_entries": ", ".join(entries) or "none",
        },
    )
    return _told(installed, entries, warnings)


@contextmanager
def hidden(order: BootcOrder) -> Iterator[None]:
    """Keep the login of the registry out of the errors that leave the block."""
    try:
        yield
    except AgentError as error:
        secrets = secrets_of(order)
        error.args = tuple(secrets.text(one) if isinstance(one, str) else one for one in error.args)
        raise


def _boot_entries(
    installed: InstalledContainer, hardware: HardwareView, progress: ProgressSink
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Have the firmware boot the disk; return the labels of its entries, and warnings.

    The image's installer may have made an entry of its own. It is looked for as any other is: what is not on the disk's ESP, or not shown by
    the firmware, does not count.

    Raises:
        BootloaderError: There is no loader for this machine, or the firmware takes no entry.
    """
    progress(Progress(phase="boot entries"))
    try:
        made = hardware.bootloader().install_bootloader(
            installed.disk, boot_mode=installed.boot_mode
        )
    except AgentError as error:
        if not hardware.wishes.ignore_bootloader_failure:
            raise
        log.warning("boot loader failure ignored, as told", extra={"why": str(error)})
        return (), (f"the firmware was not told to boot the disk: {error}",)
    return made, ()


def _told(
    installed: InstalledContainer, entries: tuple[str, ...], warnings: tuple[str, ...]
) -> dict[str, Any]:
    said = f"Container image ({installed.image}) written to device {installed.disk.path}"
    installation = Installation(
        image=installed.pinned,
        bootc=installed.bootc,
        disk=str(installed.disk.path),
        serial=installed.disk.serial,
        wwn=installed.disk.wwn,
        boot_mode=installed.boot_mode,
        partitions=installed.partitions,
        config_drive_partition=installed.config_drive_partition,
        written_bytes=installed.written_bytes,
        boot_entries=entries,
        phases=installed.phases,
        warnings=(*installed.warnings, *warnings),
    )
    return {"result": f"{STEP}: {said}", "installation": installation}
