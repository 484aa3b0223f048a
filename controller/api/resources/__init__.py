"""The other resources of the API, one file each."""
