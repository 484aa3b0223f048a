"""What the agent does from its start to its end: inspection, lookup, serving, heartbeats.

Read ``run`` (the agent's life), ``approach`` (the network before it knows its node), ``loading`` (what it loads when).
"""
