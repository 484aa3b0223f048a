"""How the controller calls peers over HTTP: read ``budget``, then ``connections``, then ``http``."""
