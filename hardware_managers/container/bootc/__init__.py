"""Installs bootable containers (bootc): the image is pulled, and a program of its own puts it on the disk.

Read ``plan`` (what is refused, and the words of every program; pure), ``findings`` (what the disk must hold afterwards; pure), ``storage``
(where podman keeps the image meanwhile), ``programs`` (podman), ``installer`` (the order of it all).
"""
