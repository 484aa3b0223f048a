"""What the operator allows and demands of images; the same for every image writer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRules:
    """Times in seconds.

    ``ca_files`` and ``ca_pem`` are trusted beside the ramdisk's own authorities; ``verify`` is ``none``, ``sample`` or ``whole``:
    how much is read back from the disk.
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
