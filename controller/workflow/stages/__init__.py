"""The stage functions, one file per workflow."""
