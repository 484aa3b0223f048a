"""Runs the real Ironic in its environment (``build/peers/ironic``) so that headers say who asks.

In the place of Keystone's middleware stands one that believes the headers which that one would set. What is behind it, the
contexts, oslo.policy and Ironic's rules, is all Ironic's.
"""

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any


class Believing:
    """Lets every request through as it came."""

    def __init__(self, app: Callable[..., Iterable[bytes]], _conf: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["HTTP_X_IDENTITY_STATUS"] = "Confirmed"
        return self._app(environ, start_response)


if __name__ == "__main__":
    importlib.import_module("keystonemiddleware.auth_token").AuthProtocol = Believing  # type: ignore[attr-defined]
    sys.exit(importlib.import_module("ironic.command.singleprocess").main())
