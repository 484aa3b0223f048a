"""Steps that are containers: pulled and run with podman or docker, as far as the operator allows.

Read ``rules`` (what is allowed), ``step_file`` (steps that the ramdisk's builder wrote down), ``steps`` (how one is run).
"""
