"""A library about booting: what an EFI system partition holds, which boot entries the firmware needs, how GRUB is installed: as plans."""
