"""How the controller writes disks that machines export over iSCSI."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class IscsiSettings:
    """A part of ``Settings``, for nodes with the deploy interface ``iscsi``."""

    iscsi_writers: int = 8
    """Most disks that this controller writes over iSCSI at a time (deploy interface ``iscsi``), a process of about 60 MiB each; further deployments wait."""
    iscsi_portal_port: int = 3260
    """Where machines export their disks; Ironic's ``[iscsi] portal_port``."""
    iscsi_write_timeout_s: float = 14400.0
    """Longest time for one such write."""
    iscsi_silence_timeout_s: float = 300.0
    """How long it may go without progress; a machine that does not answer at all is given up after 60 s."""
    iscsi_verify: str = "sample"
    """How much of such a disk is read back and compared: ``none``, ``sample`` or ``whole``."""
