"""Serves the real Keystone in its environment (``build/peers/keystone``): ``keystone_server.py PORT``.

Its package brings no WSGI script any more. ``OS_KEYSTONE_CONFIG_FILES`` and ``_DIR`` name the configuration.
"""

import importlib
import sys

if __name__ == "__main__":
    port = int(sys.argv.pop())  # Keystone reads what is left
    application = importlib.import_module("keystone.server.wsgi").initialize_public_application()
    importlib.import_module("waitress").serve(application, host="127.0.0.1", port=port, threads=8)
