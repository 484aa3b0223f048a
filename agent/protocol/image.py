"""``image_info``: what to write and how to check it (Ironic agent API, ``standby.prepare_image``)."""

from typing import Any

import msgspec


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An image to deploy; checksums are hexadecimal or an http(s) URL of a checksum file.

    ``id`` is the last part of the image's URL and only a name; sizes are in the units of the field names (GiB, MiB). What stands
    from ``deploy_boot_mode`` on is for partition images only (``image_type`` = ``partition``).
    """

    id: str
    urls: list[str]
    disk_format: str | None = None
    container_format: str | None = None
    stream_raw_images: bool = True
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    image_type: str | None = None
    image_request_authorization: str | None = None
    image_server_auth_strategy: str | None = None
    image_server_user: str | None = None
    image_server_password: str | None = None
    proxies: dict[str, str] | None = None
    no_proxy: str | None = None
    node_uuid: str | None = None
    configdrive: str | dict[str, Any] | None = None
    deploy_boot_mode: str | None = None
    boot_option: str | None = None
    disk_label: str | None = None
    kernel: str | None = None
    ramdisk: str | None = None
    root_gb: int | str | None = None
    root_mb: int | str | None = None
    swap_mb: int | str | None = None
    ephemeral_mb: int | str | None = None
    ephemeral_format: str | None = None
    preserve_ephemeral: bool | str | None = None
    grow_root_filesystem: bool | str | None = None
    """Ours: let an ext2, ext3 or ext4 root filesystem fill its partition at once instead of in the deployed system."""
