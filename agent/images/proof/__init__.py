"""What was written is read back and accounted for."""
