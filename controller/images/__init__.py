"""What the controller checks and serves of images."""
