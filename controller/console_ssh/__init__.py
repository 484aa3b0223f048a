"""One SSH port for the consoles of all nodes."""
