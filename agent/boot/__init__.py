"""A library about booting: what an EFI system partition holds and which boot entries the firmware needs, as plans."""
