"""The receipt of a written image: what is where, how long it took, how it was verified.

It is ours: it stands beside ``result`` in the result of ``write_image`` and ``prepare_image``, where Ironic's conductor
ignores it, and the real agent sends none.
"""

import msgspec


class PhaseTime(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of the work; ``bytes_done`` as in ``Progress``, ``None`` = the phase counts none."""

    phase: str
    seconds: float
    bytes_done: int | None = None


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What the installer of a bootable container left on a disk, as it was read back; ``None`` = not known.

    It stands as ``installation`` beside ``result`` in the result of ``execute_bootc_install``. ``image`` has the digest that was pulled; ``bootc`` is
    what the image's program calls itself; ``partitions`` are in words; ``written_bytes`` those that the kernel counted.
    """

    image: str
    bootc: str
    disk: str
    serial: str | None = None
    wwn: str | None = None
    boot_mode: str
    partitions: tuple[str, ...]
    config_drive_partition: int | None = None
    written_bytes: int | None = None
    boot_entries: tuple[str, ...] = ()
    phases: tuple[PhaseTime, ...] = ()
    warnings: tuple[str, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What an image write did; sizes in bytes, ``None`` = the disk does not say.

    ``image`` is the URL without credentials and query, of several the one that the last byte came from; ``digest`` is
    ``<algorithm>:<hexadecimal>`` of the ``image_bytes`` as they are published; ``content_bytes`` is the size of the image on
    the disk, of which ``written_bytes`` were written and ``zeroed_bytes`` ordered to read as zeros. ``verified`` is ``none``, ``sample`` or ``whole``: so many bytes
    (``compared_bytes``) were read back from the disk and are what was sent.
    """

    image: str
    digest: str
    format: str
    disk: str
    serial: str | None = None
    wwn: str | None = None
    image_bytes: int
    content_bytes: int
    written_bytes: int
    zeroed_bytes: int
    seconds: float
    rate_bytes_per_s: float
    """``content_bytes`` in ``seconds``."""
    verified: str
    compared_bytes: int
    phases: tuple[PhaseTime, ...] = ()
    warnings: tuple[str, ...] = ()
    """What went wrong when the disk could boot already, such as a kernel that did not look at the new partition table."""
