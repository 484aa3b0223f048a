"""Disks: root device choice, partition tables, wiping, checks before writing."""
