"""Hardware managers: plug-ins that know hardware, found by entry point; each folder stands alone."""
