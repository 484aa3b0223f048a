"""What the controller's settings say about images reaches the ramdisk's kernel command line."""

import pytest

from controller.boot.machines import _ramdisk_of
from controller.settings import Settings
from controller.store.tables import Node


@pytest.mark.parametrize("own", [None, "%default% quiet"])
@pytest.mark.parametrize("is_allowed", [True, False])
def test_ramdisks_write_unverified_images_only_when_the_setting_says_so(
    own: str | None, is_allowed: bool
) -> None:
    settings = Settings(
        deploy_kernel="http://h/kernel",
        deploy_ramdisk="http://h/initramfs",
        allow_unverified_images=is_allowed,
    )
    info = {} if own is None else {"kernel_append_params": own}
    node = Node(uuid="u", driver_info=info, instance_info={}, provision_state="wait call-back")
    words = _ramdisk_of(node, settings, "http://h").append_params.split()
    assert ("ingot-allow-unverified-images=1" in words) is is_allowed
    assert ("quiet" in words) is (own is not None)


@pytest.mark.parametrize(
    ("instance", "own", "words"),
    [
        ({}, {}, "nofb vga=normal"),
        ({}, {"kernel_append_params": "%default% a"}, "nofb vga=normal a"),
        ({"kernel_append_params": "b"}, {"kernel_append_params": "a"}, "b"),
        ({"kernel_append_params": ""}, {"kernel_append_params": "a"}, ""),
    ],
)
def test_kernel_arguments_of_the_instance_come_before_those_of_the_node_as_in_ironic(
    instance: dict[str, str], own: dict[str, str], words: str
) -> None:
    files = {"deploy_kernel": "http://192.0.2.1/k", "deploy_ramdisk": "http://192.0.2.1/r"}
    node = Node(
        uuid="u", driver_info=files | own, instance_info=instance, provision_state="deploying"
    )
    assert _ramdisk_of(node, Settings(), "http://h").append_params == words
