"""Disks of this machine over iSCSI, by the kernel's own target (LIO). Read: plan, exporter, manager."""
