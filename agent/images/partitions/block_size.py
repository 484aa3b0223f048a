"""The smallest sectors that a filesystem can live on, read from its first bytes. Pure.

A kernel cannot mount a filesystem whose blocks are smaller than the disk's sectors. Sources: ``struct ext4_super_block`` (fs/ext4/ext4.h:
``s_magic`` at 56, ``s_log_block_size`` at 24 of the superblock at byte 1024) and ``struct xfs_dsb`` (fs/xfs: ``sb_sectsize`` at 102).
"""

_EXT_AT = 1024
_EXT_MAGIC = b"\x53\xef"
_EXT_MAX_LOG = 6
_XFS_MAGIC = b"XFSB"


def block_bytes(start: bytes) -> int | None:
    """Return the block size of an ext filesystem, or the sector size of an XFS; ``None`` = another one, or none.

    Args:
        start: The first 4 KiB or more.
    """
    if start[_EXT_AT + 56 : _EXT_AT + 58] == _EXT_MAGIC:
        log = int.from_bytes(start[_EXT_AT + 24 : _EXT_AT + 28], "little")
        return 1024 << log if log <= _EXT_MAX_LOG else None
    if start.startswith(_XFS_MAGIC):
        return int.from_bytes(start[102:104], "big")
    return None
