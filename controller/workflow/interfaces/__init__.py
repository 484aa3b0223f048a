"""The implementations of interfaces that the controller and the agent carry out; those of BMCs are in ``controller/bmc``."""
