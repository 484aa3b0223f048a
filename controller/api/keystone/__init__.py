"""The authentication strategy ``keystone``: ``keystonemiddleware``, behind our own door for HTTP. Loaded where it is set only."""
