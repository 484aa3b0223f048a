"""What a hardware manager is: the record of its capabilities, the chain, the steps."""
