"""Switches: what a port of one can be set to, which there are, and the plug-ins that set them."""
