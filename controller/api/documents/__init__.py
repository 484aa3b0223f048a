"""Pure functions on JSON documents: patches, types."""
