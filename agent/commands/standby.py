"""Commands of the ``standby`` namespace: write the image, say what was written, end the ramdisk."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.commands.identity import Identity
from agent.commands.written_images import WrittenImages
from agent.errors import InvalidRequest
from agent.hardware.bootc import deploy_container, parse_order
from agent.hardware.image_rules import ImageRules
from agent.hardware.registry import Hardware
from agent.hardware.root_disk import take_root_disk, told_in_errors
from agent.images.sources.address import refused_order
from agent.protocol.bootc import STEP
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import check_image
from agent.protocol.refusal import Refusal
from agent.system.power import PowerActions

_ANSWER_TRAVELS_S = 0.5


class _PrepareImage(msgspec.Struct, frozen=True, kw_only=True):
    image_info: ImageInfo
    configdrive: str | None = None
    node: dict[str, Any] | None = None


class _ExecuteBootcInstall(msgspec.Struct, frozen=True, kw_only=True):
    image_source: str
    instance_info: dict[str, Any] | None = None
    pull_secret: str | None = None
    configdrive: str | None = None
    node: dict[str, Any] | None = None


class Standby:
    """The commands and what they need."""

    def __init__(
        self,
        hardware: Hardware,
        power: PowerActions,
        written: WrittenImages,
        identity: Identity,
    ) -> None:
        self._hardware = hardware
        self._power = power
        self._written = written
        self._identity = identity

    def commands(self) -> Iterable[Command]:
        """Return the commands of this namespace."""
        table: tuple[tuple[str, Kind, Callable[[Params], Job]], ...] = (
            ("prepare_image", Kind.ASYNC, self.prepare_image),
            (STEP, Kind.ASYNC, self.execute_bootc_install),
            ("get_partition_uuids", Kind.SYNC, self.get_partition_uuids),
            ("run_image", Kind.LAST, lambda _: self._end(self._power.reboot)),
            ("power_off", Kind.LAST, lambda _: self._end(self._power.power_off)),
            ("sync", Kind.SYNC, self.sync),
        )
        return [Command(name=f"standby.{name}", kind=kind, prepare=do) for name, kind, do in table]

    def prepare_image(self, params: Params) -> Job:
        """Write ``image_info`` and ``configdrive`` to the root disk of the node, as it was last told; a ``node`` may come along.

        Raises:
            InvalidRequest: A parameter is missing or malformed, or no node is known, so that nobody said which disk is meant.
        """
        wanted = parse_params(params, _PrepareImage, "prepare_image")
        image = wanted.image_info
        _check_image(image, self._hardware.wishes.images)
        inline = image.configdrive if isinstance(image.configdrive, str) else None

        node = self._node("prepare_image", wanted.node)

        def write(control: Control) -> dict[str, Any]:
            self._identity.learn_node(node)
            self._written.forget()
            choice = take_root_disk(node, self._hardware)
            writer = self._hardware.image_writer()
            control.stop.allow()
            with told_in_errors(choice):
                written = writer.write_image(
                    image,
                    wanted.configdrive or inline,
                    choice.disk,
                    control.progress,
                    stop=control.stop,
                )
            self._written.remember(written)
            return written.command_result(image.id)

        return write

    def execute_bootc_install(self, params: Params) -> Job:
        """Install the bootable container ``image_source`` on the root disk of the node, as it was last told; a ``node`` may come along.

        Raises:
            InvalidRequest: A parameter cannot be used, or no node is known.
        """
        wanted = parse_params(params, _ExecuteBootcInstall, STEP)
        node = self._node(STEP, wanted.node)
        info = wanted.instance_info
        if info is None:
            info = node.get("instance_info")
        order = parse_order(wanted.image_source, info, wanted.pull_secret, wanted.configdrive)

        def install(control: Control) -> dict[str, Any]:
            self._identity.learn_node(node)
            self._written.forget()
            control.stop.allow()
            return deploy_container(order, node, self._hardware, control.progress, control.stop)

        return install

    def _node(self, command: str, given: dict[str, Any] | None) -> Mapping[str, Any]:
        """Return the node that is meant.

        Raises:
            InvalidRequest: None is known.
        """
        node = given if given is not None else self._identity.node
        if node is None:
            raise InvalidRequest(
                f"{command}: no node is known, so nobody said which disk is meant; send the node along, or get"
                " the deploy steps with it before (a node without root device hints means the smallest disk)"
            )
        return node

    def get_partition_uuids(self, _params: Params) -> Job:
        """Say by what the written image is known; ``{}`` if none was written in this boot."""

        def tell(_control: Control) -> dict[str, Any]:
            written = self._written.last()
            if written is None:
                return {}
            uuids: dict[str, Any] = {"root uuid": written.root_uuid}
            if written.efi_system_partition_uuid is not None or written.partitions:
                uuids["efi system partition uuid"] = written.efi_system_partition_uuid
            if written.prep_boot_partition_uuid is not None:
                uuids["PReP Boot partition uuid"] = written.prep_boot_partition_uuid
            if written.partitions:
                uuids["partitions"] = dict(written.partitions)
            return uuids

        return tell

    def sync(self, _params: Params) -> Job:
        """Flush every file system and disk."""
        return lambda _control: os.sync()

    def _end(self, action: Callable[[], None]) -> Job:
        def end(control: Control) -> Any:
            control.progress(Progress(phase="flush"))
            os.sync()
            time.sleep(_ANSWER_TRAVELS_S)
            action()

        return end


def _check_image(image: ImageInfo, rules: ImageRules) -> None:
    try:
        check_image(image, allow_md5=rules.allow_md5, allow_unverified=rules.allow_unverified)
    except Refusal as error:
        raise InvalidRequest(f"prepare_image: {refused_order(error)}") from error
