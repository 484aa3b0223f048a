"""The image of a node: checked, and described for its agent with what the node's capabilities say."""

from typing import Any

from controller.images.description import check_description, image_info
from controller.images.partitions import check_partitions, partition_fields
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import boot_mode_of, capabilities


def check_image(node: Node, settings: Settings) -> None:
    """Check what can be checked without asking anybody.

    Raises:
        Invalid: Names the key of ``instance_info`` that is missing or wrong.
    """
    check_description(
        node.instance_info,
        allow_unverified=settings.allow_unverified_images,
        allow_md5=settings.allow_md5_images,
    )
    check_partitions(node.instance_info, str(boot_mode_of(node, settings)), _disk_label(node))


def image_for_agent(node: Node, settings: Settings) -> dict[str, Any]:
    """Return the agent's ``image_info`` for an image that :func:`check_image` accepts."""
    info = image_info(node.instance_info, node.driver_info, node.uuid, node.config_drive)
    boot_mode = str(boot_mode_of(node, settings))
    return info | partition_fields(node.instance_info, boot_mode, _disk_label(node))


def _disk_label(node: Node) -> str | None:
    """Return the capability ``disk_label``, which only the instance can ask for (as in Ironic); ``None`` = not given."""
    return capabilities(node.instance_info.get("capabilities")).get("disk_label")
