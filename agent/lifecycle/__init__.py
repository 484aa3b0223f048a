"""What the agent does from its start to its end: inspection, lookup, serving, heartbeats."""
