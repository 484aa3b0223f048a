"""Everything below ``/v1/nodes``."""
