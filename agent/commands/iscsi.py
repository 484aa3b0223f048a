"""The ``iscsi`` namespace: export the root disk for a controller that writes it itself, and end that again.

``start_iscsi_target`` has the name, the first three parameters and the result of the agent of Ironic up to Wallaby (its extension
``iscsi``), which let everybody in the network have the disk. This one needs a login, and lets in nobody else.
"""

import re
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.commands.identity import Identity
from agent.commands.written_images import WrittenImages
from agent.disks import mbr
from agent.disks.kernel_view import show_partitions
from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.partition_table import PartitionTable
from agent.errors import ExportError, InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.hardware.exporting import ExportWish
from agent.hardware.registry import Hardware
from agent.hardware.root_disk import take_root_disk, told_in_errors
from agent.hardware.writing import WrittenImage
from agent.protocol.lun_writing import PORT, START, STOP, UNIT, Export, ExportedDisk, Login
from agent.system.runner import Runner

_NAME = re.compile(r"(?:iqn|eui|naa)\.[a-z0-9.:-]{1,219}")
_WORD = re.compile(r"[!-~]{1,255}")
_SHORTEST_SECRET = 12
"""RFC 7143, 12.1.3 wants 96 bits."""
_EVERYWHERE = "0.0.0.0"  # where Ironic's agent listened


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    iqn: str | None = None
    portal_port: int | None = None
    wipe_disk_metadata: bool = False
    portal_address: str | None = None
    login: Login | None = None
    node: dict[str, Any] | None = None


class _Stop(msgspec.Struct, frozen=True, kw_only=True):
    is_written: bool = False


class IscsiExport:
    """The commands and what they need."""

    def __init__(
        self, hardware: Hardware, written: WrittenImages, identity: Identity, runner: Runner
    ) -> None:
        self._hardware = hardware
        self._written = written
        self._identity = identity
        self._runner = runner
        self._disk: BlockDevice | None = None
        """The one that was exported last by this process."""

    def commands(self) -> Iterable[Command]:
        """Return the commands of this namespace."""
        return [
            Command(name=START, kind=Kind.SYNC, prepare=self.start),
            Command(name=STOP, kind=Kind.SYNC, prepare=self.stop),
        ]

    def start(self, params: Params) -> Job:
        """Export the root disk of the node, as it was last told; what was exported before is ended.

        Raises:
            InvalidRequest: A parameter is malformed, the login is missing, or no node is known.
        """
        wanted = parse_params(params, _Start, "start_iscsi_target")
        login = _checked(wanted.login)
        node = wanted.node if wanted.node is not None else self._identity.node
        if node is None:
            raise InvalidRequest(
                "start_iscsi_target: no node is known, so nobody said which disk is meant; send the node along"
            )
        target = wanted.iqn or f"iqn.2008-10.org.openstack:{uuid.uuid4()}"
        if not _NAME.fullmatch(target):
            raise InvalidRequest(f"start_iscsi_target: iqn is {target[:100]!r}, no iSCSI name")
        port = PORT if wanted.portal_port is None else wanted.portal_port
        if not 0 < port < 1 << 16:
            raise InvalidRequest(f"start_iscsi_target: portal_port is {port}, no port")

        def export(control: Control) -> Export:
            exporter = self._hardware.disk_exporter()
            exporter.end()
            self._identity.learn_node(node)
            self._written.forget()
            choice = take_root_disk(node, self._hardware)
            disk = choice.disk
            with told_in_errors(choice):
                if wanted.wipe_disk_metadata:
                    eraser = self._hardware.metadata_eraser()
                    eraser.erase_metadata(disk, control.progress, wipe_shared=False)
                exported = _look(disk)
                exporter.export(
                    ExportWish(
                        disk=disk.path,
                        target=target,
                        unit=UNIT,
                        address=wanted.portal_address or _EVERYWHERE,
                        port=port,
                        login=login,
                    )
                )
            self._disk = disk
            return Export(iscsi_target_iqn=target, lun=UNIT, disk=exported)

        return export

    def stop(self, params: Params) -> Job:
        """End the export; ``is_written`` = a whole image is on the disk now, which later commands are about.

        Raises:
            InvalidRequest: A parameter is malformed.
        """
        wanted = parse_params(params, _Stop, "stop_iscsi_target")

        def end(_control: Control) -> dict[str, Any]:
            disks = self._hardware.disk_exporter().end()
            if wanted.is_written and (disks or self._written.last() is None):  # else asked again
                self._take_over(tuple(map(str, disks)))
            return {"disks": [str(disk) for disk in disks]}

        return end

    def _take_over(self, paths: tuple[str, ...]) -> None:
        """Look at what the controller has written, as if it had been written here."""
        known = [disk for disk in (self._disk, *self._hardware.disks()) if disk is not None]
        disk = next((one for one in known if str(one.path) in paths), None)
        if disk is None:
            raise ExportError(
                "stop_iscsi_target: no disk was exported, so it is not known which one was written; deploy again"
            )
        with OpenDisk(disk.path) as opened:
            head = bytearray(opened.read(0, MIB))
            table = PartitionTable(head, opened.sector_bytes)
            show_partitions(opened, table.partitions(), self._runner)
        self._written.remember(WrittenImage(disk=disk, root_uuid=mbr.disk_signature(head)))


def _checked(login: Login | None) -> Login:
    """Return a login that LIO can take.

    Raises:
        InvalidRequest: It is missing, or cannot be used; no secret is repeated.
    """
    if login is None:
        raise InvalidRequest(
            "start_iscsi_target: the login is missing; without one everybody in the network could write the disk"
        )
    if not _NAME.fullmatch(login.initiator):
        raise InvalidRequest("start_iscsi_target: login.initiator is no iSCSI name")
    words = (login.username, login.password, login.target_username, login.target_password)
    if not all(map(_WORD.fullmatch, words)):
        raise InvalidRequest(
            "start_iscsi_target: the login has names or secrets that CHAP cannot take"
        )
    secrets = (login.password, login.target_password)
    if min(map(len, secrets)) < _SHORTEST_SECRET or secrets[0] == secrets[1]:
        raise InvalidRequest(
            f"start_iscsi_target: the secrets of the login must differ and have {_SHORTEST_SECRET} letters at least"
        )
    return login


def _look(disk: BlockDevice) -> ExportedDisk:
    """Make sure that nobody uses the disk, and describe it.

    Raises:
        DiskInUse: Somebody does.
    """
    with OpenDisk(disk.path) as opened:
        opened.require_sole_use()
        return ExportedDisk(
            path=str(disk.path),
            size_bytes=opened.size_bytes,
            sector_bytes=opened.sector_bytes,
            serial=disk.serial,
            wwn=disk.wwn,
        )
