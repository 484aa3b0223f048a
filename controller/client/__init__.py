"""``ingot``: the command line for people; a thin client of the REST API, of any controller that it reaches."""
