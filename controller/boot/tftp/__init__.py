"""The TFTP gateway: GRUB asks for files by TFTP, the controller answers by HTTP. A process of its own; stands on nothing else here."""
