"""Which networks a node's ports are in, and how they get there: plans, checks, and the shell that has switches carry them out."""
