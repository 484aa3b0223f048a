"""Runs a program of somebody else's root file system so that it reaches nothing but that file system and the devices it is given.

``run`` is the door; ``inside`` is the program that it starts, process 1 of namespaces of its own; ``order`` is what the one tells the
other; ``process_limit``, ``call_filter`` and ``kernel`` are what the latter is made of. docs/decisions/0048.
"""
