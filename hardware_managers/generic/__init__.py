"""The hardware manager for any Linux machine."""
