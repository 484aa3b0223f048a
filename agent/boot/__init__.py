"""Making the deployed system bootable: UEFI entries."""
