"""Installs a bootable container: everything is checked before the disk is touched, and the disk is believed, not the installer.

Order: config drive and registry, the machine, pull by digest, what the image is; then the disk (:mod:`.disk`).
"""

import platform
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent.disks.open_disk import OpenDisk
from agent.errors import SettingError
from agent.hardware.devices import BlockDevice
from agent.hardware.image_rules import ImageRules
from agent.hardware.tools import ProgressSink
from agent.hardware.writing import InstalledContainer
from agent.images.config_drives.config_drive_fat import suited_to
from agent.images.config_drives.config_drive_source import fetch
from agent.images.flow.meter import Meter
from agent.images.operator_rules import writer_settings
from agent.images.preparation import WriterSettings
from agent.images.sources.http import Access
from agent.images.sources.oci_registry import FoundContainer, Registry
from agent.images.sources.opening import patiently
from agent.images.sources.pace import Pace
from agent.images.writer import stoppable
from agent.protocol.bootc import BootcOrder
from agent.protocol.image_rules import basic_authorization
from agent.protocol.oci_reference import base_url
from agent.system.memory import available_bytes
from agent.system.runner import Runner
from agent.system.stop_signal import StopSignal
from agent.system.sysfs import SysRoot
from hardware_managers.container.bootc import plan
from hardware_managers.container.bootc.disk import Work, install_on
from hardware_managers.container.bootc.programs import Podman
from hardware_managers.container.bootc.storage import own_storage


class BootcInstaller:
    """Implements :class:`agent.hardware.writing.ContainerInstaller`."""

    def __init__(self, runner: Runner, rules: ImageRules, sys_root: SysRoot | None = None) -> None:
        self._runner = runner
        self._rules = rules
        self._sys_root = sys_root or SysRoot()

    def install_container(
        self,
        order: BootcOrder,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
    ) -> InstalledContainer:
        """See :class:`agent.hardware.writing.ContainerInstaller`."""
        stop = stop or StopSignal()
        meter = Meter(progress)
        settings = stoppable(writer_settings(self._rules), stop)
        with ExitStack() as clean_up:
            folder = Path(clean_up.enter_context(tempfile.TemporaryDirectory(prefix="ingot-")))
            opened = clean_up.enter_context(OpenDisk(disk.path))
            meter.begin("connect", message=order.source)
            drive = self._config_drive(order, settings, opened.sector_bytes)
            machine = read_machine(self._sys_root)
            found = self._find(order, settings, meter)
            plan.check_machine(order, machine, opened.size_bytes, found.packed_bytes)
            storage = clean_up.enter_context(own_storage(plan.storage_bytes(machine), self._runner))
            podman = Podman(order, self._runner, meter)
            pinned = order.pinned(found.digest)
            pulled = podman.pull(pinned, self._registries(order, folder), storage, stop)
            plan.check_image(
                order, pulled.architecture, pulled.size_bytes, machine, opened.size_bytes
            )
            stop.check("the installation")
            work = Work(
                order=order,
                pinned=pinned,
                bootc=podman.version(pinned, folder),
                machine=machine,
                places=_places(order, folder, storage, containers_group(self._sys_root)),
                drive=drive,
            )
            opened.require_sole_use()
            stop.refuse(
                f"the image is being installed on {disk.path}, and half of it cannot boot; wait for the end, or power the"
                " machine off",
                "the installation",
            )
            return install_on(disk, opened, work, podman, self._runner, self._sys_root)

    def _config_drive(
        self, order: BootcOrder, settings: WriterSettings, sector_bytes: int
    ) -> bytes | None:
        """Return the config drive as it can be mounted from the disk; the registry's login does not go to its server."""
        if order.configdrive is None:
            return None
        content = fetch(order.configdrive, _access(settings), settings.retry)
        rebuild = settings.config_drive_rebuild
        return suited_to(content, sector_bytes, self._runner, rebuild=rebuild)

    def _find(self, order: BootcOrder, settings: WriterSettings, meter: Meter) -> FoundContainer:
        """Ask the registry what the image's name means."""
        login = None if order.login is None else basic_authorization(*order.login)
        access = replace(_access(settings), authorization=login)
        registry = Registry(order.reference, access, settings.sources.insecure_registries)
        return patiently(
            lambda: registry.find_container(platform.machine()),
            str(order.reference),
            settings.retry,
            meter.say,
        )

    def _registries(self, order: BootcOrder, folder: Path) -> plan.Registries:
        base = base_url(order.reference.host, self._rules.insecure_registries)
        return plan.Registries(
            auth_file=folder / "login",
            is_verified=self._rules.verify_tls and base.startswith("https:"),
            certificates=_certificates(self._rules, folder),
        )


def read_machine(sys_root: SysRoot) -> plan.Machine:
    """Return what is known of this machine."""
    return plan.Machine(
        architecture=platform.machine(),
        boot_mode="uefi" if sys_root.at("sys/firmware/efi").is_dir() else "bios",
        available_bytes=available_bytes(sys_root),
        has_tpm2=sys_root.number("sys/class/tpm/tpm0/tpm_version_major") == 2,  # noqa: PLR2004
        has_selinux=sys_root.at("sys/fs/selinux/enforce").exists(),
    )


def _access(settings: WriterSettings) -> Access:
    pace = Pace(timeout_s=settings.stall_timeout_s, least_bytes=settings.stall_least_bytes)
    return Access(tls=settings.tls, pace=pace)


def _certificates(rules: ImageRules, folder: Path) -> Path | None:
    """Return a folder with the operator's authorities, as containers-certs.d(5) wants it; ``None`` = there are none.

    Raises:
        SettingError: One cannot be read.
    """
    texts = [rules.ca_pem] if rules.ca_pem else []
    for name in rules.ca_files:
        try:
            texts.append(Path(name).read_text())
        except (OSError, UnicodeError) as error:
            raise SettingError(f"{name}: cannot be read as certificates: {error}") from error
    if not texts:
        return None
    made = folder / "certificates"
    made.mkdir()
    for number, text in enumerate(texts):
        (made / f"{number}.crt").write_text(text)
    return made


def containers_group(sys_root: SysRoot) -> str:
    """Return the control group that the ramdisk ends after the agent's (``/usr/lib/ingot/group``), with all that is in it."""
    lines = (sys_root.text("proc/self/cgroup") or "").splitlines()
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::/")), "/")
    return f"{own.rstrip('/') or '/ingot'}-containers"


def _places(order: BootcOrder, folder: Path, storage: Path, group: str) -> plan.Places:
    """Return the places of the ramdisk; the keys are written where the container will see nothing else."""
    keys = None if order.authorized_keys is None else folder / "keys"
    places = plan.Places(storage=storage, id_file=folder / "container", group=group, keys=keys)
    if keys is not None and places.keys_file is not None and order.authorized_keys is not None:
        keys.mkdir()
        places.keys_file.write_text(order.authorized_keys)
    return places
