"""The thin server: owns the nodes, their power, network boot and life cycle."""
