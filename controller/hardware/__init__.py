"""What a node is made of: a small protocol for each kind of interface, the record of what a node has, hardware types."""
