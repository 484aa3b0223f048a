"""Drivers for board management controllers."""
