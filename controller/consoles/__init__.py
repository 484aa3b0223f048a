"""Consoles: kept open, stored, watched by many and typed on by one."""
