"""Puts files into the system that was written: ``order`` (what is wanted), ``inside`` (paths), ``partitions``, ``step``."""
