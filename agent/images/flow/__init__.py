"""The pipeline: buffers that travel from the source to the disk."""
