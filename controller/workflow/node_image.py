"""The image of a node: checked by the controller's settings."""

from controller.images.description import check_description
from controller.settings import Settings
from controller.store.tables import Node


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
