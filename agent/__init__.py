"""The program that runs inside the deploy ramdisk of a bare-metal machine."""
