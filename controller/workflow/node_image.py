"""The image of a node: checked, and described for its agent with what the node's capabilities say."""

from collections.abc import Mapping
from typing import Any

from agent.protocol.image import ImageInfo
from agent.protocol.refusal import Refusal
from controller.images.description import check_order, check_words, image_info
from controller.images.partitions import check_bootable, partition_fields
from controller.images.refusals import invalid
from controller.images.registered import with_registered
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import boot_mode_of, capabilities


def check_image(node: Node, settings: Settings) -> ImageInfo:
    """Return the order that the agent will get, if it would carry it out; nobody is asked.

    Raises:
        Invalid: Names the key of ``instance_info`` or ``driver_info`` that is missing or wrong.
    """
    check_bootable(
        node.instance_info,
        str(boot_mode_of(node, settings)),
        may_install_grub=settings.enable_bios_bootloader_install,
    )
    try:
        check_words(_instance_info(node))
        return check_order(
            _order(node, settings),
            allow_unverified=settings.allow_unverified_images,
            allow_md5=settings.allow_md5_images,
        )
    except Refusal as error:
        raise invalid(error) from error


def image_for_agent(node: Node, settings: Settings) -> dict[str, Any]:
    """Return the agent's ``image_info``.

    Raises:
        Invalid: The node's image is none that :func:`check_image` accepts.
    """
    try:
        return _order(node, settings)
    except Refusal as error:
        raise invalid(error) from error


def _order(node: Node, settings: Settings) -> dict[str, Any]:
    boot_mode, said = str(boot_mode_of(node, settings)), _instance_info(node)
    info = image_info(said, node.driver_info, node.uuid, node.config_drive)
    return info | partition_fields(said, boot_mode, _disk_label(node))


def _instance_info(node: Node) -> Mapping[str, Any]:
    """Return what the node says of its image, with what is known of a registered one."""
    return with_registered(node.instance_info, node.driver_internal_info or {})


def _disk_label(node: Node) -> str | None:
    """Return the capability ``disk_label``, which only the instance can ask for (as in Ironic); ``None`` = not given."""
    return capabilities(node.instance_info.get("capabilities")).get("disk_label")
