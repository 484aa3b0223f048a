"""A BMC driver for Acme's power strips; Acme stands for your vendor."""
