"""The agent's REST API: translation between HTTP and commands, nothing else."""
