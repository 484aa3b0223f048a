"""The HTTP server of both programs, for networks with strangers on them."""
