"""Writing an image from the command line, for people who install by hand; the same code as a deployment."""
