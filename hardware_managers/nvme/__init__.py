"""NVMe drives: erasure by the drive itself. Read ``drive`` (what a drive says), ``plan`` (what follows), ``eraser``, ``manager``."""
