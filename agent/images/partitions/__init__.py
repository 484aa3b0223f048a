"""Partition images: a disk laid out around a root filesystem."""
