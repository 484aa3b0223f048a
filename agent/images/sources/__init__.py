"""Where images come from: web servers, folders, registries; how a stream is opened, resumed and checked."""
