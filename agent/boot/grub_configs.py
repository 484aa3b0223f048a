"""Where configurations of GRUB lie on the file system that has ``/boot``, or is mounted there."""

CONFIG_PLACES = (
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/grub/grub.cfg",
    "/grub2/grub.cfg",
)
