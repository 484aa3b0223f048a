"""Makes a BIOS, or OpenFirmware, boot a partition image: the image's own ``grub-install`` and ``grub-mkconfig``, run where they reach nothing else.

Only where the controller allows it (CVE-2026-43003): a program of the image runs as root on the ramdisk's kernel. docs/decisions/0048.
"""

import logging
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.boot.grub_findings import disk_findings, root_findings
from agent.boot.grub_plan import BiosFindings, GrubPlan, check_kind, plan_bios_bootloader
from agent.boot.grub_proof import BOOT_CODE_BYTES, MOST_CORE_BYTES, check_configuration, check_core
from agent.boot.raw_disk import overwrite, read_raw, table_of
from agent.disks.file_tree import Tree
from agent.disks.kernel_view import partition_nodes
from agent.disks.mounted_files import FileSystems, Place, in_own_namespace
from agent.disks.open_disk import MIB
from agent.disks.partition_table import PartitionTable
from agent.errors import AgentError, BootloaderError
from agent.hardware.devices import BlockDevice
from agent.hardware.writing import WrittenImage
from agent.protocol.foreign_text import clean_line
from agent.protocol.partitions import PartitionRole
from agent.system import kernel_calls as kernel
from agent.system.containment.order import Node, Order
from agent.system.containment.run import run_contained
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TOTAL_S = 480.0
"""For everything that is run of the image; real Ironic gives up after ten minutes."""
_QUICK_S = 120.0
_MOST_OUTPUT_BYTES = 1 << 20
_MOST_CONFIGURATION_BYTES = 4 << 20
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "GRUB_DISABLE_OS_PROBER": "true",
}
_NOT_ALLOWED = (
    "has a partition image and no boot loader for BIOS, and the controller does not allow to install the image's own one: that"
    " runs programs of the image as root in the ramdisk (CVE-2026-43003); set enable_bios_bootloader_install in the controller's"
    " settings if you trust your images, deploy a whole-disk image, or boot the machine in UEFI mode"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Root:
    """The device that the root file system is on, what blkid says of it, and the PReP partition that was made beside it, if one was."""

    device: Path
    kind: str
    uuid: str
    prep: Path | None = None


class GrubBootloader:
    """Installs the GRUB of a partition image; ``is_allowed`` is the controller's word."""

    def __init__(self, runner: Runner, *, is_allowed: bool, machine: str | None = None) -> None:
        """Args: ``machine`` is the processor as ``uname -m`` names it, ``None`` = this one."""
        self._runner = runner
        self._is_allowed = is_allowed
        self._machine = machine or platform.machine()

    def install(self, disk: BlockDevice, written: WrittenImage) -> tuple[str, ...]:
        """Make ``disk`` bootable; return what was run.

        Everything is checked before anything of the image is run. Then the boot code is wiped, and again after a failure: what does not
        boot for certain does not boot at all.

        Raises:
            BootloaderError: It is not allowed, cannot be done, or was not done.
        """
        if not self._is_allowed:
            raise BootloaderError(f"{disk.path}: {_NOT_ALLOWED}")
        if disk.is_mapped:
            raise BootloaderError(
                f"{disk.path}: has several paths, which GRUB is not installed through; use a whole-disk image, or UEFI"
            )
        root = self._root(written)
        try:
            with tempfile.TemporaryDirectory(prefix="ingot-grub-") as folder:
                work = _Installation(disk.path, root, self._machine, Path(folder), self._runner)
                plan = in_own_namespace(work.run)
        except BootloaderError:
            raise
        except AgentError as error:
            raise BootloaderError(f"{disk.path}: GRUB was not installed: {error}") from error
        return (" ".join(plan.install), " ".join(plan.make_configuration))

    def _root(self, written: WrittenImage) -> _Root:
        nodes = {role: Path(at) for role, at in written.partitions}
        device = nodes.get(PartitionRole.ROOT)
        if device is None or not device.is_block_device():
            raise BootloaderError(
                f"{written.disk.path}: the kernel shows no partition {device or 'for the root'}; see dmesg, and deploy again"
            )
        answer = self._runner.run(
            *("blkid", "--probe", "--output", "export", str(device)),
            timeout_s=_QUICK_S,
            ok=(0, 2, 8),
        )
        tags = dict(line.partition("=")[::2] for line in answer.stdout.splitlines())
        uuid = tags.get("UUID", "")
        if uuid != written.root_uuid:
            raise BootloaderError(
                f"{device}: holds the file system {uuid or 'of no UUID'} and the image that was written {written.root_uuid};"
                " deploy again"
            )
        kind = tags.get("TYPE", "")
        check_kind(str(device), kind)  # before it is mounted
        return _Root(device=device, kind=kind, uuid=uuid, prep=nodes.get(PartitionRole.PREP))


class _Installation:
    """What is done in the mount namespace."""

    def __init__(self, disk: Path, root: _Root, machine: str, folder: Path, runner: Runner) -> None:
        self._disk, self._root, self._machine = disk, root, machine
        self._folder, self._runner = folder, runner
        self._deadline = time.monotonic() + _TOTAL_S

    def run(self) -> GrubPlan:
        """Look, decide, run, and look again; the file system is unmounted at the end."""
        table = table_of(self._disk)
        systems = FileSystems(self._disk, self._folder, self._runner)
        with systems.mounted(Place(device=self._root.device)) as tree:
            target = self._folder / "mounted-0"
            findings = BiosFindings(
                machine=self._machine,
                disk=disk_findings(
                    self._disk,
                    table,
                    is_prep=self._machine.startswith("ppc64"),
                    reserved_node=self._root.prep,
                ),
                root=root_findings(self._root.kind, target),
            )
            plan = plan_bios_bootloader(findings)
            self._wipe_boot_code(plan)
            try:
                self._carry_out(plan, target, tree)
                self._require_same(table)
            except BaseException:
                self._wipe_boot_code(plan)
                raise
        return plan

    def _wipe_boot_code(self, plan: GrubPlan) -> None:
        """Take away what the firmware starts."""
        if plan.is_prep:
            overwrite(self._disk, plan.start_byte, bytes(MIB))
        else:
            overwrite(self._disk, 0, bytes(BOOT_CODE_BYTES))

    def _carry_out(self, plan: GrubPlan, target: Path, tree: Tree) -> None:
        flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("none", str(target), None, flags)  # as before, but programs can be run
        self._run(plan.install, target)
        start_byte = check_core(plan, tree.read(plan.core, MOST_CORE_BYTES), self._read)
        log.info("GRUB is there", extra={"disk": str(self._disk), "core_at_byte": start_byte})
        self._run(plan.make_configuration, target)
        check_configuration(plan, tree.read(plan.configuration, _MOST_CONFIGURATION_BYTES))

    def _require_same(self, table: PartitionTable) -> None:
        if table_of(self._disk).partitions() != table.partitions():
            raise BootloaderError(
                f"{self._disk}: the image's programs changed the partition table; do not use this image"
            )

    def _read(self, start_byte: int, size_bytes: int) -> bytes:
        return read_raw(self._disk, start_byte, size_bytes)

    def _run(self, command: tuple[str, ...], target: Path) -> None:
        order = Order(
            root=str(target),
            argv=command,
            nodes=self._nodes(),
            links=self._links(),
            environment=_ENVIRONMENT,
        )
        left_s = max(1.0, self._deadline - time.monotonic())
        log.info("running a program of the image", extra={"argv": " ".join(command)})
        try:
            output = run_contained(
                order, self._runner, timeout_s=left_s, most_output_bytes=_MOST_OUTPUT_BYTES
            )
            self._runner.run("sync", "--file-system", str(target), timeout_s=_QUICK_S)
        except AgentError as error:
            raise BootloaderError(
                f"{self._disk}: a program of the image failed: {clean_line(str(error))}; mend the image, use a whole-disk"
                " image, or boot the machine in UEFI mode"
            ) from error
        log.debug("a program of the image said", extra={"text": clean_line(output.stderr)})

    def _nodes(self) -> tuple[Node, ...]:
        made = filter(None, (self._root.device, self._root.prep))
        devices = {self._disk, *made, *partition_nodes(self._disk)}
        return tuple(_node(device) for device in sorted(devices))

    def _links(self) -> Mapping[str, str]:
        """Return what udev would show of the root, so that the configuration names it by its UUID."""
        return {f"disk/by-uuid/{self._root.uuid}": f"../../{self._root.device.name}"}


def _node(device: Path) -> Node:
    number = device.stat().st_rdev
    return Node(name=device.name, major=os.major(number), minor=os.minor(number))
