"""Hardware managers that were written for ironic-python-agent, unchanged, in this agent.

Read ``import_names`` (what they import), ``errors``, ``values``, ``base_classes`` (what they subclass and call), ``native`` (how those
calls reach this agent's chain), ``adapter`` (how their methods become capabilities) and ``manager`` (the entry point).
"""
