"""Puts files into the system that was written: ``order`` (what is wanted), ``step``; mounts and paths are ``agent.disks``'."""
