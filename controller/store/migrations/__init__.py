"""Alembic scripts, newest last in ``versions``."""
