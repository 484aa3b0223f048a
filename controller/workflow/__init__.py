"""The engine that advances nodes, one bounded, repeatable step at a time."""
