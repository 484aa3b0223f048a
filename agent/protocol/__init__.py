"""Wire types shared with the controller; names and shapes follow the Ironic API exactly."""
