"""Backups of the database: ``order.py`` first, then ``sqlite_copy.py`` and ``postgres_dump.py``, then what both share."""
