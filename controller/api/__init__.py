"""The REST API: translation between HTTP and the rest, nothing else."""
