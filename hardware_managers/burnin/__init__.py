"""Burn-in: load the processors, the memory, the disks and the network for hours, and keep what came of it.

Read ``orders`` (what the node asks for), ``programs`` (command lines and what the programs said), ``steps`` (who runs when).
"""
