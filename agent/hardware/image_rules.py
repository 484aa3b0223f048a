"""What the operator allows and demands of images; the same for every image writer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRules:
    """Times in seconds.

    ``ca_files`` and ``ca_pem`` are trusted beside the ramdisk's own authorities; ``verify`` is ``none``, ``sample`` or ``whole``:
    how much is read back from the disk. ``formats`` are those that may be written, in Ironic's words; ``check_format`` = they, and what
    the controller says of an image's format, are compared with what it is. ``tls_min_version`` is ``1.2`` or ``1.3``.
    """

    allow_unverified: bool = False
    allow_md5: bool = False
    folders: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    ca_files: tuple[str, ...] = ()
    ca_pem: str = ""
    verify_tls: bool = True
    stall_timeout_s: float = 60.0
    stall_least_bytes: int = 1 << 16
    verify: str = "sample"
    config_drive_rebuild: bool = False
    formats: tuple[str, ...] = ("raw", "gpt", "qcow2")
    check_format: bool = True
    tls_min_version: str = "1.2"
