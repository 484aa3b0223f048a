"""Pure functions on JSON documents: patches, masks, types."""
